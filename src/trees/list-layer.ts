import { type BigIntStats, lstatSync, openSync, readlinkSync } from "node:fs";
import type { FileKind, LayerEntry } from "../formats/docker-api/docker-api-layers.ts";
import { type ByteString, textOfBytes } from "../formats/tar/tar-entry.ts";
import { closeDescriptor, entryPath, longestPathBytes } from "../sys/safe-path.ts";
import { tooLong, type WalkedEntry, walkTree } from "./walk.ts";
import { isOpaque, isWhiteout } from "./whiteouts.ts";

const modeBits = 0o7777n;

/**
 * All names in a layer's directory, parents before what is in them. Synchronous, for a worker thread.
 * @throws SyscallError; internal when directories are moved about below it, or a path is too long
 */
export function* listLayer(directory: string): Generator<LayerEntry> {
  const rootFd = openSync(directory, "r");
  /** The first name of a file with several, by inode. */
  const first = new Map<bigint, string>();
  try {
    for (const walked of walkTree(rootFd)) {
      if (walked.path.length > longestPathBytes) throw tooLong(walked.path);
      const at = entryPath(walked.directoryFd, walked.name);
      const stats = lstatSync(at, { bigint: true, throwIfNoEntry: false });
      if (stats) yield describe(walked, at, stats, first);
    }
  } finally {
    closeDescriptor(rootFd);
  }
}

function describe(
  walked: WalkedEntry,
  at: string | Buffer,
  stats: BigIntStats,
  first: Map<bigint, string>,
): LayerEntry {
  const Path = textOfBytes(walked.path);
  const entry: LayerEntry = {
    ...{ Path, Kind: kindOf(stats), Mode: Number(stats.mode & modeBits) },
    ...{ UID: Number(stats.uid), GID: Number(stats.gid), Size: 0 },
  };
  if (entry.Kind === "directory") {
    walked.enter();
    if (isOpaque(at)) entry.Replaces = true;
  } else if (entry.Kind === "link") {
    entry.Target = textOfBytes(readLink(at));
  } else if (entry.Kind === "file") {
    const other = stats.nlink > 1n ? first.get(stats.ino) : undefined;
    if (other !== undefined) return { ...entry, Kind: "hardlink", Target: other };
    if (stats.nlink > 1n) first.set(stats.ino, Path);
    entry.Size = Number(stats.size);
  }
  return entry;
}

const readLink = (at: string | Buffer): ByteString => readlinkSync(at, { encoding: "latin1" });

const kindOf = (stats: BigIntStats) => (isWhiteout(stats) ? "whiteout" : fileKind(stats));

/** What a name stands for where there are no whiteouts. */
export function fileKind(stats: BigIntStats): FileKind {
  if (stats.isDirectory()) return "directory";
  if (stats.isSymbolicLink()) return "link";
  if (stats.isFIFO()) return "fifo";
  if (stats.isSocket()) return "socket";
  return stats.isFile() ? "file" : "device";
}
