import {
  closeSync,
  constants,
  lstatSync,
  openSync,
  readdirSync,
  rmdirSync,
  unlinkSync,
  utimesSync,
} from "node:fs";
import { hasCode } from "../../errors.ts";
import { type ByteString, bytesOfText } from "../../formats/tar/tar-entry.ts";
import { closeDescriptor, entryPath, openBeneath } from "../../sys/safe-path.ts";
import { openMergedRoot } from "../../trees/merged.ts";

/*
 * A runtime makes what is missing of a mount's destination in the root file system. Of a step that would become part of its layer, so it
 * is taken away again, as BuildKit does.
 */

/** Places that are not there yet. */
export interface Stub {
  /** Without a slash in front, all links followed. */
  path: ByteString;
  /** How many of its names are there. */
  depth: number;
}

const own = ["/etc/resolv.conf", "/etc/hosts", "/etc/hostname"];

/** @param layers topmost first */
export function findStubs(layers: readonly string[], destinations: readonly string[]): Stub[] {
  const root = openMergedRoot(layers);
  try {
    return [...own, ...destinations].flatMap((destination) => {
      const path = root.resolve(bytesOfText(destination)).slice(1);
      const names = path.split("/");
      if (path === "" || root.findKind(`/${path}`) !== undefined) return [];
      const depth = names.findIndex((_, index) => !root.findKind(`/${names.slice(0, index + 1).join("/")}`));
      return [{ path, depth }];
    });
  } finally {
    root.close();
  }
}

/** Removes what is still empty of them from an overlay's upper directory. */
export function clearStubs(upper: string, lower: readonly string[], stubs: readonly Stub[]): void {
  const rootFd = openSync(upper, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    for (const { path, depth } of stubs) {
      const names = path.split("/");
      for (let length = names.length; length > depth; length--) {
        if (!removeEmpty(rootFd, names.slice(0, length))) break;
      }
    }
    const parents = new Set(stubs.map(({ path, depth }) => path.split("/").slice(0, depth).join("/")));
    for (const parent of parents) settleParent(rootFd, lower, parent);
  } finally {
    closeSync(rootFd);
  }
}

function removeEmpty(rootFd: number, names: readonly ByteString[]): boolean {
  return (
    inDirectory(rootFd, names.slice(0, -1).join("/"), (fd) => {
      const path = entryPath(fd, names.at(-1) as ByteString);
      const stats = lstatSync(path, { throwIfNoEntry: false });
      if (!stats) return true;
      if (stats.isFile() && stats.size > 0) return false;
      if (!stats.isFile() && !stats.isDirectory()) return false;
      try {
        if (stats.isDirectory()) rmdirSync(path);
        else unlinkSync(path);
        return true;
      } catch (error) {
        if (hasCode(error, "ENOTEMPTY")) return false;
        throw error;
      }
    }) ?? true
  );
}

/** A directory that has only been touched for stubs has its time from before. */
function settleParent(rootFd: number, lower: readonly string[], path: ByteString): void {
  if (path === "") return;
  const root = openMergedRoot(lower);
  try {
    const before = root.findDirectory(`/${path}`);
    if (!before) return;
    const slash = path.lastIndexOf("/");
    inDirectory(rootFd, path.slice(0, Math.max(slash, 0)), (fd) => {
      const place = entryPath(fd, path.slice(slash + 1));
      const stats = lstatSync(place, { throwIfNoEntry: false });
      if (!stats?.isDirectory()) return;
      if (readdirSync(place).length === 0) utimesSync(place, before.atime, before.mtime);
    });
  } finally {
    root.close();
  }
}

function inDirectory<R>(rootFd: number, path: ByteString, use: (fd: number) => R): R | undefined {
  if (path === "") return use(rootFd);
  try {
    const fd = openBeneath(rootFd, path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    try {
      return use(fd);
    } finally {
      closeDescriptor(fd);
    }
  } catch (error) {
    // EXDEV is an absolute link on the way, which the command has put there.
    if (["ENOENT", "ENOTDIR", "ELOOP", "EXDEV"].some((code) => hasCode(error, code))) return undefined;
    throw error;
  }
}
