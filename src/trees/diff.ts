import { type BigIntStats, closeSync, constants, lstatSync, openSync } from "node:fs";
import { type ByteString, textOfBytes } from "../formats/tar/tar-entry.ts";
import { entryPath, listDirectory, longestPathBytes } from "../sys/safe-path.ts";
import { createDescent, type Descent } from "./descent.ts";
import { tooLong } from "./walk.ts";
import { isOpaque, isWhiteout } from "./whiteouts.ts";

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
 * @param lower the layers below, topmost first
 */
export function listChanges(upper: string, lower: readonly string[]): FileChange[] {
  const opened: number[] = [];
  const descents: Descent[] = [];
  const open = (path: string) => {
    const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
    opened.push(fd);
    const descent = createDescent(fd);
    descents.push(descent);
    return descent;
  };
  try {
    return compare(open(upper), lower.map(open));
  } finally {
    for (const descent of descents) descent.close();
    for (const fd of opened) closeSync(fd);
  }
}

interface Entry {
  name: ByteString;
  stats: BigIntStats;
  /** Nothing of the same directory below shows through. */
  isReplaced: boolean;
}

/** A directory that is being compared, of the upper tree. */
interface Level {
  path: ByteString;
  /** Those to come, the next one last. */
  entries: Entry[];
  /** The same directory in the layers below, topmost first, as far as it shows through. */
  lower: Descent[];
  /** For one that is below as well: where its own change goes, and how it was and is. */
  own?: { slot: number; reportedBefore: number; before: BigIntStats; now: BigIntStats } | undefined;
}

/** What shows through under a name, and the layers whose directories make it up. */
interface Below {
  stats: BigIntStats;
  directories: Descent[];
}

/** How far two trees are compared. */
interface Comparison {
  upper: Descent;
  /** The directories on the way to where it is. */
  levels: Level[];
  /** With empty slots for directories of which nothing is known yet. */
  changes: (FileChange | undefined)[];
  /** How many of them are known. */
  reported: number;
}

function compare(upper: Descent, lower: Descent[]): FileChange[] {
  const levels: Level[] = [{ path: "", entries: listEntries(upper.fd), lower }];
  const comparison: Comparison = { upper, levels, changes: [], reported: 0 };
  for (let level = levels.at(-1); level; level = levels.at(-1)) {
    const entry = level.entries.pop();
    if (entry) {
      compareEntry(comparison, level, entry);
      continue;
    }
    levels.pop();
    if (levels.length === 0) break;
    for (const descent of [upper, ...level.lower]) descent.leave();
    settle(comparison, level);
  }
  return comparison.changes.filter((change) => change !== undefined);
}

function compareEntry(comparison: Comparison, level: Level, entry: Entry): void {
  const { name, stats } = entry;
  const path = `${level.path}/${name}`;
  const before = lookBelow(level.lower, name);
  if (isWhiteout(stats)) {
    if (before) report(comparison, deleted, path);
  } else if (stats.isDirectory()) {
    enter(comparison, path, entry, before);
  } else if (!before) {
    report(comparison, added, path);
  } else if (isDifferent(before.stats, stats, true)) {
    report(comparison, modified, path);
  }
}

function enter(comparison: Comparison, path: ByteString, entry: Entry, before: Below | undefined): void {
  const { upper, changes, levels } = comparison;
  const { name, stats, isReplaced } = entry;
  const own = before && {
    slot: changes.length,
    reportedBefore: comparison.reported,
    before: before.stats,
    now: stats,
  };
  if (own) changes.push(undefined);
  else report(comparison, added, path);
  if (!upper.enter(name)) {
    settle(comparison, { path, own });
    return;
  }
  const below = (before?.directories ?? []).filter((descent) => descent.enter(name));
  const entries = listEntries(upper.fd);
  if (isReplaced) {
    const there = new Set(entries.map((one) => one.name));
    const hidden = listBelow(below).filter((one) => !there.has(one));
    for (const one of hidden) report(comparison, deleted, `${path}/${one}`);
  }
  levels.push({ path, entries, lower: below, own });
}

/** All that is in a directory has been compared: now it is known whether it counts as modified. */
function settle(comparison: Comparison, { path, own }: Pick<Level, "path" | "own">): void {
  if (own && (comparison.reported > own.reportedBefore || isDifferent(own.before, own.now, false)))
    report(comparison, modified, path, own.slot);
}

function report(
  comparison: Comparison,
  Kind: FileChange["Kind"],
  path: ByteString,
  slot = comparison.changes.length,
): void {
  if (path.length > longestPathBytes) throw tooLong(path);
  comparison.changes[slot] = { Path: textOfBytes(path), Kind };
  comparison.reported++;
}

/** The next one last. */
function listEntries(directoryFd: number): Entry[] {
  const entries: Entry[] = [];
  for (const name of listDirectory(directoryFd).reverse()) {
    const path = entryPath(directoryFd, name);
    const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    if (stats) entries.push({ name, stats, isReplaced: stats.isDirectory() && isOpaque(path) });
  }
  return entries;
}

function lookBelow(lower: readonly Descent[], name: ByteString): Below | undefined {
  let found: BigIntStats | undefined;
  const directories: Descent[] = [];
  for (const descent of lower) {
    const path = entryPath(descent.fd, name);
    const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    if (!stats) continue;
    if (isWhiteout(stats) || (found && !stats.isDirectory())) break;
    found ??= stats;
    if (!stats.isDirectory()) break;
    directories.push(descent);
    if (isOpaque(path)) break;
  }
  return found && { stats: found, directories };
}

/** Names that the layers' directories show together. */
function listBelow(directories: readonly Descent[]): ByteString[] {
  const names = new Set(directories.flatMap((descent) => listDirectory(descent.fd)));
  return [...names].filter((name) => lookBelow(directories, name)).sort();
}

function isDifferent(before: BigIntStats, now: BigIntStats, isFile: boolean): boolean {
  if (before.mode !== now.mode || before.uid !== now.uid || before.gid !== now.gid) return true;
  if (before.rdev !== now.rdev) return true;
  return isFile && (before.size !== now.size || before.mtimeNs !== now.mtimeNs);
}
