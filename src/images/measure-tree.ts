import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";

const blockBytes = 512;

/** Blocks the thread: for a worker. A file with several names counts once; what vanishes meanwhile, not at all. */
export function measureTree(path: string, seen = new Set<bigint>()): number {
  const stats = lstatSync(path, { throwIfNoEntry: false, bigint: true });
  if (!stats) return 0;
  if (stats.nlink > 1n && !stats.isDirectory()) {
    if (seen.has(stats.ino)) return 0;
    seen.add(stats.ino);
  }
  let total = Number(stats.blocks) * blockBytes;
  if (!stats.isDirectory()) return total;
  for (const name of readNames(path)) total += measureTree(join(path, name), seen);
  return total;
}

function readNames(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
