import { release } from "node:os";
import { invalid } from "../errors.ts";

/** Since Linux 5.12 (mount_setattr(2)) a mount can be made read-only with all that is mounted below it. */
export function canMountReadOnlyBelow(kernelRelease: string): boolean {
  const [major = 0, minor = 0] = kernelRelease.split(".").map(Number);
  return major > 5 || (major === 5 && minor >= 12);
}

/**
 * The runtimes' option for a read-only bind.
 * @param below "writable" leaves what is mounted below the source as it is, "readonly" demands that it is read-only too, "" has
 * it so where the kernel can. @throws EngineError invalid
 */
export function readOnlyOption(below: "" | "writable" | "readonly", kernelRelease = release()): "ro" | "rro" {
  if (below === "writable") return "ro";
  if (canMountReadOnlyBelow(kernelRelease)) return "rro";
  if (below === "") return "ro";
  throw invalid(
    `recursive read-only mounts are not supported: they need kernel 5.12, and this is ${kernelRelease}`,
  );
}
