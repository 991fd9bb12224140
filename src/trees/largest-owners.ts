import { closeSync, constants, fstatSync, lstatSync, openSync } from "node:fs";
import type { IdPair } from "../formats/id-mapping.ts";
import { eachName } from "../sys/directory-names.ts";
import { entryPath } from "../sys/safe-path.ts";
import { walkTree } from "./walk.ts";

/** The largest user and group id that own anything in a tree, its root included. Synchronous, for a worker thread. @throws SystemError */
export function findLargestOwners(directory: string): IdPair {
  const rootFd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    let { uid, gid } = fstatSync(rootFd);
    for (const entry of walkTree(rootFd, eachName)) {
      const stats = lstatSync(entryPath(entry.directoryFd, entry.name), { throwIfNoEntry: false });
      if (!stats) continue;
      if (stats.isDirectory()) entry.enter();
      uid = Math.max(uid, stats.uid);
      gid = Math.max(gid, stats.gid);
    }
    return { uid, gid };
  } finally {
    closeSync(rootFd);
  }
}
