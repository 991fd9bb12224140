import type { BigIntStats } from "node:fs";
import type { FileTime, FileType } from "./tar-entry.ts";

/** As archives have it; undefined for a socket. */
export function fileTypeOf(stats: BigIntStats): FileType | undefined {
  if (stats.isFile()) return "file";
  if (stats.isDirectory()) return "directory";
  if (stats.isSymbolicLink()) return "symlink";
  if (stats.isCharacterDevice()) return "characterDevice";
  if (stats.isBlockDevice()) return "blockDevice";
  return stats.isFIFO() ? "fifo" : undefined;
}

/** Never rounded, and right for times before 1970. */
export function modificationTime(stats: BigIntStats): FileTime {
  const nanoseconds = ((stats.mtimeNs % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  return {
    seconds: Number((stats.mtimeNs - nanoseconds) / 1_000_000_000n),
    nanoseconds: Number(nanoseconds),
  };
}
