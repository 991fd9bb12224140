import {
  type BigIntStats,
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
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
import { decodeDevice, makeNode } from "../sys/device-node.ts";
import { modificationTime, setEntryTimes, setTimes } from "../sys/file-times.ts";
import {
  descriptorPath,
  entryPath,
  listDirectory,
  openDirectoryInRoot,
  openInRoot,
  pathFlag,
  removeTree,
} from "../sys/safe-path.ts";
import { getXattr, listXattrs, setXattr } from "../sys/xattr.ts";

/** A name is bytes, one per character, as in `sys/safe-path`. */
type Path = string;

interface Tree {
  targetRoot: number;
  /** Where in the target the first name of a file with several is, by device and inode. */
  linked: Map<string, Path>;
}

const directoryFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const modeBits = 0o7777;

/**
 * Copies all of an open directory into another: owners, modes, times, links, attributes, devices and FIFOs. The
 * directory itself gets the source's owner, mode and attributes too. What is there of the same name is replaced; no link
 * in the target is followed, whoever writes there meanwhile.
 */
export function copyDirectory(sourceFd: number, targetFd: number): void {
  copyEntries({ targetRoot: targetFd, linked: new Map() }, sourceFd, targetFd, "");
  copyAttributes(sourceFd, targetFd, ownPath(sourceFd));
}

function copyEntries(tree: Tree, sourceFd: number, targetFd: number, path: Path): void {
  for (const name of listDirectory(sourceFd)) {
    const stats = lstatSync(entryPath(sourceFd, name), { bigint: true });
    const entry = { name, path: path ? `${path}/${name}` : name, stats };
    if (stats.isDirectory()) copySubdirectory(tree, sourceFd, targetFd, entry);
    else copyEntry(tree, sourceFd, targetFd, entry);
  }
}

interface Entry {
  name: string;
  path: Path;
  stats: BigIntStats;
}

function copySubdirectory(tree: Tree, sourceFd: number, targetFd: number, { name, path }: Entry): void {
  makeDirectory(targetFd, name);
  const from = openSync(entryPath(sourceFd, name), directoryFlags);
  try {
    const to = openSync(entryPath(targetFd, name), directoryFlags);
    try {
      copyEntries(tree, from, to, path);
      copyAttributes(from, to, ownPath(from));
    } finally {
      closeSync(to);
    }
  } finally {
    closeSync(from);
  }
}

/** Leaves a directory that is there; anything else in its place goes. */
function makeDirectory(parentFd: number, name: string): void {
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
  if (stats.nlink > 1n) {
    const first = tree.linked.get(identity);
    if (first !== undefined) {
      linkTo(tree, first, targetFd, name);
      return;
    }
    tree.linked.set(identity, path);
  }
  if (stats.isFile()) copyFile(sourceFd, targetFd, name);
  else if (stats.isSymbolicLink()) copyLink(sourceFd, targetFd, entry);
  else copyNode(targetFd, entry);
}

function copyFile(sourceFd: number, targetFd: number, name: string): void {
  const path = entryPath(targetFd, name);
  copyFileSync(entryPath(sourceFd, name), path, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  const from = openSync(entryPath(sourceFd, name), constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const to = openSync(path, constants.O_WRONLY | constants.O_NOFOLLOW);
    try {
      copyAttributes(from, to, entryPath(sourceFd, name));
    } finally {
      closeSync(to);
    }
  } finally {
    closeSync(from);
  }
}

/** Owner first: a change of owner takes away setuid bits and capabilities. Times last. */
function copyAttributes(from: number, to: number, fromPath: string | Buffer): void {
  const stats = fstatSync(from, { bigint: true });
  fchownSync(to, Number(stats.uid), Number(stats.gid));
  fchmodSync(to, Number(stats.mode) & modeBits);
  for (const name of listXattrs(fromPath)) {
    const value = name.startsWith("trusted.overlay.") ? undefined : getXattr(fromPath, name);
    if (value) setXattr(to, name, value);
  }
  setTimes(to, modificationTime(stats));
}

/** With the closing "/." it is what the descriptor stands for, not the link in /proc. */
function ownPath(directoryFd: number): string {
  return `${descriptorPath(directoryFd)}/.`;
}

function copyLink(sourceFd: number, targetFd: number, { name, stats }: Entry): void {
  const target = readlinkSync(entryPath(sourceFd, name), { encoding: "buffer" });
  symlinkSync(target, entryPath(targetFd, name));
  lchownSync(entryPath(targetFd, name), Number(stats.uid), Number(stats.gid));
  setEntryTimes(targetFd, name, modificationTime(stats));
}

function copyNode(targetFd: number, { name, stats }: Entry): void {
  const kind = stats.isFIFO() ? "fifo" : stats.isBlockDevice() ? "blockDevice" : "characterDevice";
  makeNode(targetFd, name, kind, decodeDevice(stats.rdev));
  const fd = openInRoot(targetFd, name, pathFlag | constants.O_NOFOLLOW);
  try {
    lchownSync(entryPath(targetFd, name), Number(stats.uid), Number(stats.gid));
    chmodSync(descriptorPath(fd), Number(stats.mode) & modeBits);
  } finally {
    closeSync(fd);
  }
  setEntryTimes(targetFd, name, modificationTime(stats));
}

function linkTo(tree: Tree, first: Path, targetFd: number, name: string): void {
  const slash = first.lastIndexOf("/");
  const parent = openDirectoryInRoot(tree.targetRoot, first.slice(0, Math.max(slash, 0)));
  try {
    linkSync(entryPath(parent, first.slice(slash + 1)), entryPath(targetFd, name));
  } finally {
    closeSync(parent);
  }
}

/** A file that a layer hides, when the copy is made from one layer and not from a mounted overlay. */
function isWhiteout(stats: BigIntStats): boolean {
  return stats.isCharacterDevice() && stats.rdev === 0n;
}
