import { hostPlatform } from "../../formats/image-config.ts";
import type { Platform } from "../../formats/oci-manifest.ts";
import { formatPlatform } from "../../formats/platform.ts";

/** The arguments that say for which machine, and on which, an image is built. */
export function platformArgs(target: Platform, stage: string | undefined): Map<string, string> {
  const build = hostPlatform();
  return new Map([
    ["BUILDPLATFORM", formatPlatform(build)],
    ["BUILDOS", build.os],
    ["BUILDOSVERSION", ""],
    ["BUILDARCH", build.architecture],
    ["BUILDVARIANT", build.variant ?? ""],
    ["TARGETPLATFORM", formatPlatform(target)],
    ["TARGETOS", target.os],
    ["TARGETOSVERSION", ""],
    ["TARGETARCH", target.architecture],
    ["TARGETVARIANT", target.variant ?? ""],
    ["TARGETSTAGE", stage ?? "default"],
  ]);
}

/** As steps show it: "linux/amd64", or "linux/amd64->arm64" where one is built on the other. */
export function crossPlatform(platform: Platform): string {
  const host = hostPlatform();
  const [build, target] = [formatPlatform(host), formatPlatform(platform)];
  if (build === target) return target;
  return `${build}->${host.os === platform.os ? target.slice(platform.os.length + 1) : target}`;
}
