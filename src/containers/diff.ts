import { type BigIntStats, closeSync, constants, lstatSync, openSync, readdirSync } from "node:fs";
import { hasCode } from "../errors.ts";
import { type ByteString, bytesOfText, textOfBytes } from "../formats/tar-entry.ts";
import { isOpaque, isWhiteout } from "../images/pack.ts";
import { closeDescriptor, entryPath, listDirectory, openInRoot } from "../sys/safe-path.ts";

/** 0: modified, 1: added, 2: deleted (`GET /containers/{id}/changes`). */
export interface FileChange {
  Path: string;
  Kind: 0 | 1 | 2;
}

const modified = 0;
const added = 1;
const deleted = 2;

/**
 * What an overlay's upper directory changes, by name, a directory before what is in it. A directory counts as modified
 * when something in it is, or its own mode or owner. Synchronous, for a worker thread.
 */
export function listChanges(upper: string, lower: readonly string[]): FileChange[] {
  const changes: FileChange[] = [];
  const rootFd = openSync(upper, "r");
  try {
    compareDirectory({ rootFd, changes }, "", lower.map(bytesOfText));
  } finally {
    closeSync(rootFd);
  }
  return changes;
}

interface Comparison {
  rootFd: number;
  changes: FileChange[];
}

/** `lower`: the directories of the layers below that show through here, topmost first. */
function compareDirectory(comparison: Comparison, path: ByteString, lower: readonly ByteString[]): void {
  const fd = openDirectory(comparison.rootFd, path);
  if (fd === undefined) return;
  const entries: { name: ByteString; stats: BigIntStats; isOpaque: boolean }[] = [];
  try {
    for (const name of listDirectory(fd)) {
      const stats = lstatSync(entryPath(fd, name), { bigint: true, throwIfNoEntry: false });
      if (stats)
        entries.push({ name, stats, isOpaque: stats.isDirectory() && isOpaque(entryPath(fd, name)) });
    }
  } finally {
    closeDescriptor(fd);
  }
  for (const entry of entries) compareEntry(comparison, `${path}/${entry.name}`, entry, lower);
}

function compareEntry(
  comparison: Comparison,
  path: ByteString,
  { name, stats, isOpaque: isReplaced }: { name: ByteString; stats: BigIntStats; isOpaque: boolean },
  lower: readonly ByteString[],
): void {
  const { changes } = comparison;
  const before = lookBelow(lower, name);
  const report = (Kind: FileChange["Kind"], at = path) => changes.push({ Path: textOfBytes(at), Kind });
  if (isWhiteout(stats)) {
    if (before) report(deleted);
    return;
  }
  if (!stats.isDirectory()) {
    if (!before) report(added);
    else if (isDifferent(before.stats, stats, true)) report(modified);
    return;
  }
  if (!before) {
    report(added);
    compareDirectory(comparison, path, []);
    return;
  }
  const position = changes.length;
  if (isReplaced) {
    for (const hidden of listBelow(before.directories)) {
      if (!hasEntry(comparison.rootFd, path, hidden)) report(deleted, `${path}/${hidden}`);
    }
  }
  compareDirectory(comparison, path, before.directories);
  if (changes.length > position || isDifferent(before.stats, stats, false)) {
    changes.splice(position, 0, { Path: textOfBytes(path), Kind: modified });
  }
}

/** What shows through under a name, and for a directory the layers' directories that make it up. */
function lookBelow(
  lower: readonly ByteString[],
  name: ByteString,
): { stats: BigIntStats; directories: ByteString[] } | undefined {
  let found: BigIntStats | undefined;
  const directories: ByteString[] = [];
  for (const directory of lower) {
    const path = `${directory}/${name}`;
    const stats = lstatSync(Buffer.from(path, "latin1"), { bigint: true, throwIfNoEntry: false });
    if (!stats) continue;
    if (isWhiteout(stats) || (found && !stats.isDirectory())) break;
    found ??= stats;
    if (!stats.isDirectory()) break;
    directories.push(path);
    if (isOpaque(Buffer.from(path, "latin1"))) break;
  }
  return found && { stats: found, directories };
}

/** Names that the layers' directories show together. */
function listBelow(directories: readonly ByteString[]): ByteString[] {
  const names = new Set<ByteString>();
  for (const directory of directories) {
    for (const name of readdirSync(Buffer.from(directory, "latin1"), { encoding: "latin1" })) names.add(name);
  }
  return [...names].filter((name) => lookBelow(directories, name)).sort();
}

function isDifferent(before: BigIntStats, now: BigIntStats, isFile: boolean): boolean {
  if (before.mode !== now.mode || before.uid !== now.uid || before.gid !== now.gid) return true;
  if (before.rdev !== now.rdev) return true;
  return isFile && (before.size !== now.size || before.mtimeNs !== now.mtimeNs);
}

function hasEntry(rootFd: number, directory: ByteString, name: ByteString): boolean {
  const fd = openDirectory(rootFd, directory);
  if (fd === undefined) return false;
  try {
    return lstatSync(entryPath(fd, name), { throwIfNoEntry: false }) !== undefined;
  } finally {
    closeDescriptor(fd);
  }
}

/** Bytes of the files in a directory tree; one with several names counts once. Synchronous, for a worker thread. */
export function measureTree(directory: string): number {
  const rootFd = openSync(directory, "r");
  const counted = new Set<string>();
  const pending: ByteString[] = [""];
  let sizeBytes = 0;
  try {
    for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
      const fd = openDirectory(rootFd, path);
      if (fd === undefined) continue;
      try {
        for (const name of listDirectory(fd)) {
          const stats = lstatSync(entryPath(fd, name), { bigint: true, throwIfNoEntry: false });
          if (stats?.isDirectory()) pending.push(`${path}/${name}`);
          else if (stats && (stats.nlink === 1n || isNew(counted, stats))) sizeBytes += Number(stats.size);
        }
      } finally {
        closeDescriptor(fd);
      }
    }
  } finally {
    closeSync(rootFd);
  }
  return sizeBytes;
}

function isNew(counted: Set<string>, { dev, ino }: BigIntStats): boolean {
  const identity = `${dev}:${ino}`;
  if (counted.has(identity)) return false;
  counted.add(identity);
  return true;
}

/** Returns undefined when it has gone meanwhile. */
function openDirectory(rootFd: number, path: ByteString): number | undefined {
  try {
    return openInRoot(rootFd, path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "ELOOP"].some((code) => hasCode(error, code))) return undefined;
    throw error;
  }
}
