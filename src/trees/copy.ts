import {
  type BigIntStats,
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readlinkSync,
  symlinkSync,
} from "node:fs";
import { hasCode, internal } from "../errors.ts";
import { decodeDevice } from "../formats/device-number.ts";
import { modificationTime } from "../formats/tar/file-stats.ts";
import { type ByteString, textOfBytes } from "../formats/tar/tar-entry.ts";
import { copyContent } from "../sys/copy-content.ts";
import { makeNode } from "../sys/device-node.ts";
import { setEntryTimes, setTimes } from "../sys/file-times.ts";
import {
  descriptorPath,
  entryPath,
  listDirectory,
  openDirectoryInRoot,
  openFileInRoot,
  openInRoot,
  pathFlag,
} from "../sys/safe-path.ts";
import { getXattr, listXattrs, setXattr } from "../sys/xattr.ts";
import { createDescent } from "./descent.ts";
import { removeTree } from "./remove.ts";
import { isWhiteout } from "./whiteouts.ts";

interface Tree {
  targetRoot: number;
  /** Where in the target the first name of a file with several is, by device and inode. */
  linked: Map<string, ByteString>;
}

const modeBits = 0o7777;
const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;

interface Entry {
  name: ByteString;
  /** From the root of the copy. */
  path: ByteString;
  stats: BigIntStats;
}

/**
 * Copies all of an open directory into another, however deep: owners, modes, times, links, attributes, devices and FIFOs. The
 * directory itself gets the source's owner, mode and attributes too. What is there of the same name is replaced; no link
 * in the target is followed, even while others write there. What goes or becomes something else meanwhile may be left out.
 */
export function copyDirectory(sourceFd: number, targetFd: number): void {
  const tree: Tree = { targetRoot: targetFd, linked: new Map() };
  const [source, target] = [createDescent(sourceFd), createDescent(targetFd)];
  const levels: { path: ByteString; left: ByteString[] }[] = [];

  function enter(path: ByteString): void {
    levels.push({ path, left: listDirectory(source.fd).reverse() });
  }

  /** Its attributes last: what is made in it changes its times. */
  function finish(): void {
    copyAttributes(source.fd, target.fd);
    levels.pop();
    if (levels.length === 0) return;
    source.leave();
    target.leave();
  }

  try {
    enter("");
    for (let level = levels.at(-1); level; level = levels.at(-1)) {
      const name = level.left.pop();
      if (name === undefined) {
        finish();
        continue;
      }
      const stats = lstatSync(entryPath(source.fd, name), { bigint: true, throwIfNoEntry: false });
      if (!stats) continue;
      const path = level.path ? `${level.path}/${name}` : name;
      if (!stats.isDirectory()) {
        copyEntry(tree, source.fd, target.fd, { name, path, stats });
        continue;
      }
      if (!source.enter(name)) continue;
      makeDirectory(target.fd, name);
      if (!target.enter(name)) throw internal(`"${textOfBytes(name)}" was replaced while it was copied`);
      enter(path);
    }
  } finally {
    source.close();
    target.close();
  }
}

/** Leaves a directory that is there; anything else in its place goes. */
function makeDirectory(parentFd: number, name: ByteString): void {
  const path = entryPath(parentFd, name);
  const present = lstatSync(path, { throwIfNoEntry: false });
  if (present?.isDirectory()) return;
  if (present) removeTree(parentFd, name);
  mkdirSync(path, 0o700);
}

function copyEntry(tree: Tree, sourceFd: number, targetFd: number, entry: Entry): void {
  const { name, path, stats } = entry;
  if (stats.isSocket() || isWhiteout(stats)) return;
  removeTree(targetFd, name);
  const identity = `${stats.dev}:${stats.ino}`;
  const first = stats.nlink > 1n ? tree.linked.get(identity) : undefined;
  if (first !== undefined) {
    linkTo(tree, first, targetFd, name);
    return;
  }
  if (!copyOne(sourceFd, targetFd, entry)) return;
  if (stats.nlink > 1n) tree.linked.set(identity, path);
}

/** What stands for another file than the one that was looked at when it is opened. */
const replaced = ["ENOENT", "EINVAL"];

/** @returns false when it is no longer there as what it was */
function copyOne(sourceFd: number, targetFd: number, entry: Entry): boolean {
  const { name, stats } = entry;
  if (!stats.isFile() && !stats.isSymbolicLink()) {
    copyNode(targetFd, entry);
    return true;
  }
  let source: { fd: number | undefined } | { link: Buffer };
  try {
    source = stats.isFile()
      ? { fd: openFileInRoot(sourceFd, name, "refuse") }
      : { link: readLink(sourceFd, name) };
  } catch (error) {
    if (replaced.some((code) => hasCode(error, code))) return false;
    throw error;
  }
  if (!("fd" in source)) copyLink(source.link, targetFd, entry);
  else if (source.fd === undefined) return false;
  else copyFile(source.fd, targetFd, name);
  return true;
}

const readLink = (directoryFd: number, name: ByteString) =>
  readlinkSync(entryPath(directoryFd, name), { encoding: "buffer" });

/** Closes `from`. */
function copyFile(from: number, targetFd: number, name: ByteString): void {
  try {
    const to = openSync(entryPath(targetFd, name), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    try {
      copyContent(from, to);
      copyAttributes(from, to);
    } finally {
      closeSync(to);
    }
  } finally {
    closeSync(from);
  }
}

/** Owner first: a change of owner takes away setuid bits and capabilities. Times last. */
function copyAttributes(from: number, to: number): void {
  const stats = fstatSync(from, { bigint: true });
  fchownSync(to, Number(stats.uid), Number(stats.gid));
  fchmodSync(to, Number(stats.mode) & modeBits);
  for (const name of listXattrs(from)) {
    const value = name.startsWith("trusted.overlay.") ? undefined : getXattr(from, name);
    if (value) setXattr(to, name, value);
  }
  setTimes(to, modificationTime(stats));
}

function copyLink(link: Buffer, targetFd: number, { name, stats }: Entry): void {
  symlinkSync(link, entryPath(targetFd, name));
  lchownSync(entryPath(targetFd, name), Number(stats.uid), Number(stats.gid));
  setEntryTimes(targetFd, name, modificationTime(stats));
}

function copyNode(targetFd: number, { name, stats }: Entry): void {
  const kind = stats.isFIFO() ? "fifo" : stats.isBlockDevice() ? "blockDevice" : "characterDevice";
  makeNode(targetFd, name, kind, decodeDevice(stats.rdev));
  const fd = openInRoot(targetFd, name, pathFlag | O_NOFOLLOW);
  try {
    lchownSync(entryPath(targetFd, name), Number(stats.uid), Number(stats.gid));
    chmodSync(descriptorPath(fd), Number(stats.mode) & modeBits);
  } finally {
    closeSync(fd);
  }
  setEntryTimes(targetFd, name, modificationTime(stats));
}

function linkTo(tree: Tree, first: ByteString, targetFd: number, name: ByteString): void {
  const slash = first.lastIndexOf("/");
  const parent = openDirectoryInRoot(tree.targetRoot, first.slice(0, Math.max(slash, 0)));
  try {
    linkSync(entryPath(parent, first.slice(slash + 1)), entryPath(targetFd, name));
  } finally {
    closeSync(parent);
  }
}
