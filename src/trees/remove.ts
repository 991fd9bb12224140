import { closeSync, constants, openSync } from "node:fs";
import { basename, dirname } from "node:path";
import { hasCode } from "../errors.ts";
import { type ByteString, bytesOfText } from "../formats/tar/tar-entry.ts";
import { eachName } from "../sys/directory-names.ts";
import { removeDirectoryAt, unlinkAt } from "../sys/safe-path.ts";
import { createDescent } from "./descent.ts";

/** As many names of a directory are in memory at most: it is read once more when they are gone. */
const mostNames = 10_000;

interface Level {
  name: ByteString;
  left: ByteString[];
  /** Whether there were no more when it was read. */
  isLast: boolean;
}

/**
 * Removes `name` in an open directory and all below it, however deep, following no link and entering nothing that is mounted
 * there. Silent when it does not exist. Synchronous.
 * @throws SyscallError; EXDEV when something is mounted below
 */
export function removeTree(directoryFd: number, name: ByteString): void {
  if (!isDirectoryLeft(directoryFd, name)) return;
  const descent = createDescent(directoryFd, { withinMount: true });
  const levels: Level[] = [];

  function enter(child: ByteString): void {
    if (descent.enter(child)) levels.push({ name: child, ...readSome(descent.fd) });
  }

  try {
    enter(name);
    for (let level = levels.at(-1); level; level = levels.at(-1)) {
      const child = level.left.pop();
      if (child !== undefined) {
        if (isDirectoryLeft(descent.fd, child)) enter(child);
        continue;
      }
      if (!level.isLast) {
        Object.assign(level, readSome(descent.fd));
        continue;
      }
      levels.pop();
      descent.leave();
      removeDirectoryAt(descent.fd, level.name);
    }
  } finally {
    descent.close();
  }
}

/** Read before anything of them is removed: some file systems leave names out of what is read meanwhile. */
function readSome(directoryFd: number): Pick<Level, "left" | "isLast"> {
  const left: ByteString[] = [];
  for (const name of eachName(directoryFd)) if (left.push(name) === mostNames) return { left, isLast: false };
  return { left, isLast: true };
}

/** The same for a path whose directory is ours. */
export function removePath(path: string): void {
  let directoryFd: number;
  try {
    directoryFd = openSync(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return;
    throw error;
  }
  try {
    removeTree(directoryFd, bytesOfText(basename(path)));
  } finally {
    closeSync(directoryFd);
  }
}

/** Unlinks what is no directory, and says whether there is one. */
function isDirectoryLeft(directoryFd: number, name: ByteString): boolean {
  try {
    unlinkAt(directoryFd, name);
    return false;
  } catch (error) {
    if (hasCode(error, "EISDIR")) return true;
    throw error;
  }
}
