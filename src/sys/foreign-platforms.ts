import { readFileSync } from "node:fs";
import { hostPlatform } from "../formats/image-config.ts";
import type { Platform } from "../formats/oci-manifest.ts";

/* Programs for other machines, which the kernel hands to an interpreter that is registered for them (binfmt_misc). */

/** Architectures by the names under which emulators are registered. */
const emulators: readonly [name: string, platform: Omit<Platform, "os">][] = [
  ["qemu-aarch64", { architecture: "arm64" }],
  ["qemu-x86_64", { architecture: "amd64" }],
  ["qemu-arm", { architecture: "arm", variant: "v7" }],
  ["qemu-riscv64", { architecture: "riscv64" }],
  ["qemu-ppc64le", { architecture: "ppc64le" }],
  ["qemu-s390x", { architecture: "s390x" }],
  ["qemu-loongarch64", { architecture: "loong64" }],
  ["qemu-mips64el", { architecture: "mips64le" }],
];

/** What this machine's own processors run besides. */
const compatible: Readonly<Record<string, readonly string[]>> = { amd64: ["386"], arm64: ["arm"] };

const folder = "/proc/sys/fs/binfmt_misc";

function isRegistered(name: string): boolean {
  try {
    return readFileSync(`${folder}/${name}`, "latin1").startsWith("enabled");
  } catch {
    return false;
  }
}

/** Platforms whose programs run here, this machine's own first. */
export function runnablePlatforms(): Platform[] {
  const own = hostPlatform();
  const foreign = emulators
    .filter(([name, { architecture }]) => architecture !== own.architecture && isRegistered(name))
    .map(([, platform]) => ({ os: own.os, ...platform }));
  const others = (compatible[own.architecture] ?? []).map((architecture) => ({ os: own.os, architecture }));
  return [own, ...others, ...foreign];
}

/** Whether programs for this platform run here. */
export function canRun({ os, architecture }: Platform): boolean {
  return runnablePlatforms().some((one) => one.os === os && one.architecture === architecture);
}
