import { hostPlatform } from "../../formats/image-config.ts";
import type { Platform } from "../../formats/oci-manifest.ts";
import { formatPlatform, parsePlatform } from "../../formats/platform.ts";

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

/** What a step's variables say of the platform that is built for, as far as it has declared them. */
export function targetOf(values: ReadonlyMap<string, string>): Partial<Platform> {
  const whole = values.get("TARGETPLATFORM");
  if (whole !== undefined && isPlatformText(whole)) return parsePlatform(whole);
  const [os, architecture, variant] = ["OS", "ARCH", "VARIANT"].map((part) => values.get(`TARGET${part}`));
  return { ...(os && { os }), ...(architecture && { architecture }), ...(variant && { variant }) };
}

function isPlatformText(text: string): boolean {
  try {
    parsePlatform(text);
    return true;
  } catch {
    return false;
  }
}

/** As steps show it: "linux/amd64", or "linux/amd64->arm64" where one knows that it builds for another. */
export function crossPlatform(platform: Platform, said: Partial<Platform>): string {
  const own = formatPlatform(platform);
  const target = { os: platform.os, architecture: platform.architecture, ...said };
  if (target.os !== platform.os) return `${own}->${formatPlatform(target)}`;
  if (target.architecture === platform.architecture) return own;
  return `${own}->${formatPlatform(target).slice(target.os.length + 1)}`;
}
