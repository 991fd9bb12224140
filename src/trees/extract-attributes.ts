import { chmodSync, constants, fchmodSync, fchownSync, fstatSync, lchownSync } from "node:fs";
import type { ByteString, TarEntry } from "../formats/tar/tar-entry.ts";
import { setEntryTimes, setTimes } from "../sys/file-times.ts";
import { closeDescriptor, descriptorPath, entryPath, openInRoot, pathFlag } from "../sys/safe-path.ts";
import { setXattr } from "../sys/xattr.ts";
import { isOverlayXattr } from "./whiteouts.ts";

/*
 * Owner first, since a change of it takes setuid bits and capabilities away; times last. chmod(2) follows links, so it
 * is only used on descriptors: the container may have put a link where we made something else.
 */

export interface Owner {
  uid: number;
  gid: number;
}

export function setFileAttributes(fd: number, entry: TarEntry, owner: Owner): void {
  setOwnerAndMode(fd, entry, owner);
  setXattrs(fd, entry);
  setTimes(fd, entry.mtime);
}

/** All but the times, which the entries to come would change. */
export function setDirectoryAttributes(fd: number, entry: TarEntry, owner: Owner): void {
  setOwnerAndMode(fd, entry, owner);
  setXattrs(fd, entry);
}

/** Checking is cheaper than setting, and new entries are mostly right already. */
function setOwnerAndMode(fd: number, entry: TarEntry, { uid, gid }: Owner): void {
  const is = fstatSync(fd);
  const isOwned = is.uid === uid && is.gid === gid;
  if (!isOwned) fchownSync(fd, uid, gid);
  if (!isOwned || (is.mode & modeBits) !== entry.mode) fchmodSync(fd, entry.mode);
}

const modeBits = 0o7777;

/** The mode to create it with: until it has its owner, it must not allow more than afterwards. */
export function firstMode(entry: TarEntry, { uid, gid }: Owner): number {
  const isRoots = uid === 0 && gid === 0;
  return entry.mode & (isRoots ? 0o777 : 0o700);
}

/** Of what is neither a file nor a directory; a link has no mode. */
export function setEntryAttributes(
  parentFd: number,
  name: ByteString,
  entry: TarEntry,
  { uid, gid }: Owner,
): void {
  const path = entryPath(parentFd, name);
  lchownSync(path, uid, gid);
  if (entry.type !== "symlink") {
    const fd = openInRoot(parentFd, name, pathFlag | constants.O_NOFOLLOW);
    try {
      chmodSync(descriptorPath(fd), entry.mode);
    } finally {
      closeDescriptor(fd);
    }
  }
  setXattrs(path, entry);
  setEntryTimes(parentFd, name, entry.mtime);
}

function setXattrs(file: number | string | Buffer, entry: TarEntry): void {
  for (const [name, value] of entry.xattrs ?? []) {
    if (!isOverlayXattr(name)) setXattr(file, name, value);
  }
}
