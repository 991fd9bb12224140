import { constants, fstatSync, openSync, readdirSync } from "node:fs";
import { constants as errnos } from "node:os";
import type { ByteString } from "../formats/tar/tar-entry.ts";
import { check, declare, lastErrno, SyscallError } from "./libc.ts";

/*
 * Work inside a directory tree that someone else writes to. A directory is opened with all links resolved inside the
 * tree's root, by the kernel (openat2); what happens in it goes through its descriptor and one plain name.
 */

const openat2Number = 437;
// libc has no function for openat2.
const openat2 = declare(
  "long syscall(long number, int directory, const void *path, const void *how, size_t size)",
);
const close = declare("int close(int fd)");
const unlinkat = declare("int unlinkat(int directory, const void *path, int flags)");
const mkdirat = declare("int mkdirat(int directory, const void *path, uint mode)");
const openat = declare("int openat(int directory, const void *path, int flags, uint mode)");

const resolveWithinMount = 0x01n;
const resolveNoMagicLinks = 0x02n;
const resolveBeneath = 0x08n;
const resolveInRoot = 0x10n;
/** The kernel takes no longer path in one call (PATH_MAX, with the NUL). */
const longestCallBytes = 4095;
/** A longer path opens nothing here: work on all paths of a tree grows with the square of its depth. */
export const longestPathBytes = 16 * 1024;
const atRemoveDirectory = 0x200;
const pathOnly = 0o10000000;
const closeOnExec = 0o2000000;
const { EAGAIN, EINTR, ENOENT } = errnos.errno;

/** Opens without read or write permission, only to work through it. */
export const pathFlag = pathOnly;

/** Names are bytes; a system call wants them ended by a NUL. */
export function cString(bytes: ByteString): Buffer {
  return Buffer.from(`${bytes}\0`, "latin1");
}

/**
 * Opens `path` as a process with its root at `rootFd` would: `..` and links stay inside, even while others change
 * the tree. The caller closes the descriptor.
 *
 * A path may be longer than the kernel takes. Below its first 4095 bytes a link that leads out of its directory is refused.
 * @throws SyscallError as open(2); EXDEV for such a link
 */
export function openInRoot(rootFd: number, path: ByteString, flags: number): number {
  if (path.length <= longestCallBytes) return open(rootFd, path, flags, resolveInRoot | resolveNoMagicLinks);
  let resolve = resolveInRoot | resolveNoMagicLinks;
  let fd = rootFd;
  let rest = path;
  try {
    while (rest.length > longestCallBytes) {
      const slash = rest.lastIndexOf("/", longestCallBytes - 1);
      if (slash <= 0 || path.length > longestPathBytes)
        throw new SyscallError("open", errnos.errno.ENAMETOOLONG, rest.slice(0, 64));
      const next = open(fd, rest.slice(0, slash), pathOnly | constants.O_DIRECTORY, resolve);
      if (fd !== rootFd) closeDescriptor(fd);
      fd = next;
      rest = rest.slice(slash).replace(/^\/+/, "");
      resolve = resolveBeneath | resolveNoMagicLinks;
    }
    return open(fd, rest, flags, resolve);
  } finally {
    if (fd !== rootFd) closeDescriptor(fd);
  }
}

/**
 * Opens a plain file as `openInRoot` finds it, for reading. Anything else stays closed: to open a device may do something.
 * Node's `closeSync` closes it.
 * @returns undefined for what is no plain file. @throws SyscallError as open(2)
 */
export function openFileInRoot(
  rootFd: number,
  path: ByteString,
  links: "follow" | "refuse",
): number | undefined {
  const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;
  const pathFd = openInRoot(rootFd, path, links === "refuse" ? pathOnly | O_NOFOLLOW : pathOnly);
  try {
    if (!fstatSync(pathFd).isFile()) return undefined;
    return openSync(descriptorPath(pathFd), O_RDONLY | O_NONBLOCK);
  } finally {
    closeDescriptor(pathFd);
  }
}

/**
 * Opens `path` where nothing on the way, no `..` and no link, leads out of `rootFd`. The caller closes the descriptor.
 * @throws SyscallError as open(2); EXDEV for what leads outside
 */
export function openBeneath(rootFd: number, path: ByteString, flags: number): number {
  return open(rootFd, path, flags, resolveBeneath | resolveNoMagicLinks);
}

const directoryFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/**
 * Opens a directory by one plain name in an open one, following no link. The caller closes it.
 * @param withinMount refuse one that something is mounted on, with EXDEV
 * @throws SyscallError as open(2)
 */
export function openDirectoryAt(directoryFd: number, name: ByteString, withinMount = false): number {
  const mounts = withinMount ? resolveWithinMount : 0n;
  return open(directoryFd, name, directoryFlags, resolveBeneath | resolveNoMagicLinks | mounts);
}

/** Opens the directory above. It may be anywhere, so the caller checks that it is the one it means. */
export function openParent(directoryFd: number): number {
  return check(Number(openat(directoryFd, cString(".."), directoryFlags | closeOnExec, 0)), "open", "..");
}

/** @returns false when there was nothing of the name. @throws SyscallError as unlink(2): EISDIR for a directory */
export function unlinkAt(directoryFd: number, name: ByteString): boolean {
  if (Number(unlinkat(directoryFd, cString(name), 0)) === 0) return true;
  if (lastErrno() === ENOENT) return false;
  throw new SyscallError("unlink", lastErrno(), name);
}

/** Silent when it does not exist. @throws SyscallError as rmdir(2) */
export function removeDirectoryAt(directoryFd: number, name: ByteString): void {
  const removed = Number(unlinkat(directoryFd, cString(name), atRemoveDirectory));
  if (removed !== 0 && lastErrno() !== ENOENT) check(removed, "rmdir", name);
}

/** Whether something is mounted on `name` in an open directory. */
export function isMountpoint(directoryFd: number, name: ByteString): boolean {
  try {
    const fd = open(directoryFd, name, pathOnly | constants.O_NOFOLLOW, resolveInRoot | resolveWithinMount);
    closeDescriptor(fd);
    return false;
  } catch (error) {
    return error instanceof SyscallError && error.code === "EXDEV";
  }
}

/** struct open_how; one for all calls, since a new one for each is most of what the call costs here. */
const how = new BigUint64Array(3);

function open(rootFd: number, path: ByteString, flags: number, resolve: bigint): number {
  how[0] = BigInt(flags | closeOnExec);
  how[2] = resolve;
  const name = cString(path === "" ? "." : path);
  for (let attempt = 0; ; attempt++) {
    const result = Number(openat2(openat2Number, rootFd, name, how, how.byteLength));
    if (result >= 0) return result;
    const errno = lastErrno();
    // A rename elsewhere in the tree during the walk: the kernel asks us to try again.
    if ((errno !== EAGAIN && errno !== EINTR) || attempt >= 1000) throw new SyscallError("open", errno, path);
  }
}

/** Makes a directory under one plain name in an open one. @throws SyscallError as mkdir(2) */
export function makeDirectoryAt(directoryFd: number, name: ByteString, mode: number): void {
  check(Number(mkdirat(directoryFd, cString(name), mode)), "mkdir", name);
}

/** Makes a file under one plain name that is not taken, for writing. `closeDescriptor` closes it. @throws SyscallError as open(2) */
export function createFileAt(directoryFd: number, name: ByteString, mode: number): number {
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | closeOnExec;
  return check(Number(openat(directoryFd, cString(name), flags, mode)), "open", name);
}

/** Closes what this file opened. (In a worker, Node's own close complains about descriptors that it did not open.) */
export function closeDescriptor(fd: number): void {
  close(fd);
}

/** Opens a directory inside `rootFd` for use with `entryPath`. The caller closes it. */
export function openDirectoryInRoot(rootFd: number, path: ByteString): number {
  return openInRoot(rootFd, path, pathOnly | constants.O_DIRECTORY);
}

/**
 * The path of `name`, one plain component, in the directory open as `directoryFd`. Node's calls that do not follow a
 * link in the last component (open with O_NOFOLLOW, lstat, mkdir, unlink, …) are safe with it.
 */
export function entryPath(directoryFd: number, name: ByteString): string | Buffer {
  const path = `/proc/self/fd/${directoryFd}/${name}`;
  return isAscii(path) ? path : Buffer.from(path, "latin1");
}

/** The path of the open file itself. */
export function descriptorPath(fd: number): string {
  return `/proc/self/fd/${fd}`;
}

function isAscii(bytes: ByteString): boolean {
  for (let index = 0; index < bytes.length; index++) if (bytes.charCodeAt(index) > 127) return false;
  return true;
}

/** Names in an open directory, as bytes, sorted by them; none when it has been removed meanwhile. */
export function listDirectory(directoryFd: number): ByteString[] {
  try {
    return readdirSync(`${descriptorPath(directoryFd)}/.`, { encoding: "latin1" }).sort();
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}

/**
 * The plain components of a name, with `.` and empty ones dropped and `..` taken lexically.
 * Returns undefined when it leads above where it starts.
 */
export function splitPath(name: ByteString): ByteString[] | undefined {
  const parts: ByteString[] = [];
  for (const part of name.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined) return undefined;
  }
  return parts;
}
