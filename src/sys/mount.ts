import { closeSync, constants, openSync, rmSync } from "node:fs";
import { join } from "node:path";
import { hasCode } from "../errors.ts";
import { check, declare } from "./libc.ts";

const mountCall = declare(
  "int mount(const char *source, const char *target, const char *type, ulong flags, const char *data)",
);
const umountCall = declare("int umount2(const char *target, int flags)");

/** Flags of mount(2) and umount2(2). */
export const MS = {
  NOSUID: 2,
  NODEV: 4,
  NOEXEC: 8,
  BIND: 0x1000,
  REC: 0x4000,
  PRIVATE: 0x40000,
  SLAVE: 0x80000,
} as const;
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

/** What an overlay is made of. */
export interface Overlay {
  /** Topmost layer first. */
  lower: string[];
  upper: string;
  work: string;
  /** What is written does not reach the disk when the mount ends: for changes that are thrown away. */
  isVolatile?: boolean;
}

/** mount(2) takes one page of options, and cuts what is longer without a word. */
const pageBytes = 4096;
const volatileOption = ",volatile";

/**
 * Mounts an overlay whose upper directory stays readable by others: no index, no redirects, no metadata-only copies.
 * @throws SyscallError; E2BIG for more layers than the options of a mount can name, which are some 200.
 */
export function mountOverlay(overlay: Overlay, target: string): void {
  const others = `upperdir=${overlay.upper},workdir=${overlay.work},index=off,metacopy=off,redirect_dir=off`;
  const roomBytes = pageBytes - 1 - Buffer.byteLength(`,${others}${volatileOption}`);
  withLowerOption(overlay.lower, roomBytes, (lower) => {
    const data = `${lower},${others}`;
    if (overlay.isVolatile && mountVolatile(overlay.work, data + volatileOption, target)) return;
    mount("overlay", target, "overlay", 0, data);
  });
}

/** @returns false where the kernel has no such thing (before 5.10) */
function mountVolatile(work: string, data: string, target: string): boolean {
  // The kernel's mark of an earlier mount of the same directories, by which it would refuse another one.
  rmSync(join(work, "work/incompat"), { recursive: true, force: true });
  try {
    mount("overlay", target, "overlay", 0, data);
    return true;
  } catch (error) {
    if (hasCode(error, "EINVAL")) return false;
    throw error;
  }
}

const readOnly = 1;

/**
 * Mounts layers, merged and read-only, at an empty directory. A single one needs a second: the empty directory itself.
 * @param layers topmost first. @throws SyscallError; E2BIG as `mountOverlay`
 */
export function mountLayers(layers: readonly string[], target: string): void {
  const lower = layers.length === 1 ? [...layers, target] : layers;
  withLowerOption(lower, pageBytes - 1, (data) => mount("overlay", target, "overlay", readOnly, data));
}

/** Names the layers by their paths, or by descriptors where the paths are too long together. Those are only open while `use` runs. */
function withLowerOption(layers: readonly string[], roomBytes: number, use: (option: string) => void): void {
  const byPath = `lowerdir=${layers.join(":")}`;
  if (Buffer.byteLength(byPath) <= roomBytes) {
    use(byPath);
    return;
  }
  const fds: number[] = [];
  try {
    for (const layer of layers) fds.push(openSync(layer, constants.O_RDONLY | constants.O_DIRECTORY));
    const byDescriptor = `lowerdir=${fds.map((fd) => `/proc/self/fd/${fd}`).join(":")}`;
    if (byDescriptor.length > roomBytes) throw tooManyLayers(layers.length);
    use(byDescriptor);
  } finally {
    for (const fd of fds) closeSync(fd);
  }
}

function tooManyLayers(count: number): Error {
  return Object.assign(new Error(`overlay of ${count} layers: mount options exceed a page`), {
    code: "E2BIG",
  });
}

const openTreeNumber = 428;
const moveMountNumber = 429;
const AT_FDCWD = -100;
const OPEN_TREE_CLONE = 1;
const AT_RECURSIVE = 0x8000;
const O_CLOEXEC = 0o2000000;
const MOVE_MOUNT_F_EMPTY_PATH = 4;
const syscall4 = declare("long syscall(long number, int directory, const char *path, uint flags)");
const syscall5 = declare(
  "long syscall(long number, int from, const char *fromPath, int to, const char *toPath, uint flags)",
);

/**
 * A copy of the mount at `path`, attached nowhere; it can be carried into another namespace. The caller closes it.
 * @param isRecursive with all that is mounted below
 */
export function cloneMount(path: string, { isRecursive = false } = {}): number {
  const flags = OPEN_TREE_CLONE | O_CLOEXEC | (isRecursive ? AT_RECURSIVE : 0);
  const fd = Number(syscall4(openTreeNumber, AT_FDCWD, path, flags));
  return check(fd, "open_tree", path);
}

/**
 * As `cloneMount`, with all that is mounted below. What is shared stays so: copy and original show each other's later mounts.
 * Another thread waits for a server that does not answer. @throws Error
 */
export function cloneTree(path: string): Promise<number> {
  const flags = OPEN_TREE_CLONE | AT_RECURSIVE | O_CLOEXEC;
  return new Promise((resolve, reject) => {
    const take = (error: Error | null, result: number | bigint) => {
      // That thread's errno is out of reach.
      if (error || Number(result) < 0) reject(error ?? new Error(`open_tree ${path} failed`));
      else resolve(Number(result));
    };
    syscall4.async(openTreeNumber, AT_FDCWD, path, flags, take);
  });
}

/** Attaches what `cloneMount` or `cloneTree` gave. @throws SyscallError */
export function attachMount(fd: number, target: string): void {
  const result = Number(syscall5(moveMountNumber, fd, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH));
  check(result, "move_mount", target);
}
