import { check, declare } from "./libc.ts";

const mountCall = declare(
  "int mount(const char *source, const char *target, const char *type, ulong flags, const char *data)",
);
const umountCall = declare("int umount2(const char *target, int flags)");

/** Flags of mount(2) and umount2(2). */
export const MS = { BIND: 0x1000, REC: 0x4000, PRIVATE: 0x40000, SLAVE: 0x80000 } as const;
const MNT_DETACH = 2;

/** mount(2). @throws SyscallError */
export function mount(
  source: string,
  target: string,
  type: string,
  flags: number,
  data: string | null,
): void {
  check(mountCall(source, target, type, flags, data), "mount", target);
}

/** Takes the mount out of the tree at once; the kernel ends it when the last user is gone. @throws SyscallError */
export function detach(target: string): void {
  check(umountCall(target, MNT_DETACH), "umount", target);
}

/** What an overlay is made of; paths are absolute. */
export interface Overlay {
  /** Topmost layer first. */
  lower: string[];
  upper: string;
  work: string;
}

const pageBytes = 4096;

/**
 * Mounts an overlay whose upper directory stays readable by others: no index, no redirects, no metadata-only copies.
 * @throws SyscallError; E2BIG when the layers' paths do not fit in the one page mount(2) takes.
 */
export function mountOverlay(overlay: Overlay, target: string): void {
  const data = [
    `lowerdir=${overlay.lower.join(":")}`,
    `upperdir=${overlay.upper}`,
    `workdir=${overlay.work}`,
    "index=off,metacopy=off,redirect_dir=off",
  ].join(",");
  if (Buffer.byteLength(data) >= pageBytes) {
    throw Object.assign(new Error(`overlay of ${overlay.lower.length} layers: mount options exceed a page`), {
      code: "E2BIG",
    });
  }
  mount("overlay", target, "overlay", 0, data);
}
