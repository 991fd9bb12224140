import { type BigIntStats, closeSync, constants, fstatSync, lstatSync, openSync } from "node:fs";
import { hasCode } from "../errors.ts";
import { eachName } from "../sys/directory-names.ts";
import { entryPath } from "../sys/safe-path.ts";
import { walkTree } from "./walk.ts";

/** Of the files of a tree; one with several names counts once. */
export interface TreeSize {
  /** Their content, holes included: what `docker ps -s` and volumes show. */
  contentBytes: number;
  /** What they and the directories occupy on the disk, as `du` counts. */
  diskBytes: number;
}

const blockBytes = 512;

/**
 * Nothing when there is no such directory; what vanishes meanwhile does not count. Synchronous, for a worker thread.
 * @param checkWanted throws when it is no longer wanted
 * @throws SyscallError for what cannot be read
 */
export function measureTree(directory: string, checkWanted: () => void = () => {}): TreeSize {
  const size: TreeSize = { contentBytes: 0, diskBytes: 0 };
  let rootFd: number;
  try {
    rootFd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return size;
    throw error;
  }
  const counted = new Set<string>();
  try {
    size.diskBytes += Number(fstatSync(rootFd, { bigint: true }).blocks) * blockBytes;
    for (const entry of walkTree(rootFd, eachName)) {
      checkWanted();
      const stats = lstatSync(entryPath(entry.directoryFd, entry.name), {
        bigint: true,
        throwIfNoEntry: false,
      });
      if (!stats) continue;
      if (stats.isDirectory()) entry.enter();
      else if (stats.nlink > 1n && !isNew(counted, stats)) continue;
      else size.contentBytes += Number(stats.size);
      size.diskBytes += Number(stats.blocks) * blockBytes;
    }
  } finally {
    closeSync(rootFd);
  }
  return size;
}

function isNew(counted: Set<string>, { dev, ino }: BigIntStats): boolean {
  const identity = `${dev}:${ino}`;
  if (counted.has(identity)) return false;
  counted.add(identity);
  return true;
}
