import { closeSync, mkdirSync, openSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { RemapOptions } from "../supervisor-protocol/protocol.ts";
import { attachMapped, mountMappedOverlay } from "../sys/idmapped-mount.ts";
import { mount, type Overlay } from "../sys/mount.ts";

/**
 * Mounts a root file system whose owners are mapped, and attaches what else is to be mapped, in a mount namespace that ends with the
 * runtime. @throws EngineError unavailable where a file system cannot do that; SyscallError
 */
export function mountRemapped(
  overlay: Overlay,
  target: string,
  { userns, owner, folder, sources }: RemapOptions,
): void {
  const userFd = openSync(userns, "r");
  try {
    // In memory, so that the places end with the namespace.
    mount("remapped", folder, "tmpfs", 0, "mode=711");
    const scratch = join(folder, "layers");
    // A container that has the machine's root bound finds the place, and is not to see what was in it.
    mkdirSync(scratch, { mode: 0o700 });
    mountMappedOverlay(overlay, target, { userFd, owner, scratch });
    for (const [index, source] of sources.entries()) {
      const place = join(folder, String(index));
      if (statSync(source).isDirectory()) mkdirSync(place);
      else writeFileSync(place, "");
      attachMapped(source, place, userFd, { isRecursive: true });
    }
  } finally {
    closeSync(userFd);
  }
}
