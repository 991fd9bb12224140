import { closeSync, constants, openSync } from "node:fs";
import { basename, dirname } from "node:path";
import { hasCode } from "../errors.ts";
import { type ByteString, bytesOfText } from "../formats/tar/tar-entry.ts";
import { listDirectory, removeDirectoryAt, unlinkAt } from "../sys/safe-path.ts";
import { createDescent } from "./descent.ts";

/**
 * Removes `name` in an open directory and all below it, however deep, following no link and entering nothing that is mounted
 * there. Silent when it does not exist. Synchronous.
 * @throws SyscallError; EXDEV when something is mounted below
 */
export function removeTree(directoryFd: number, name: ByteString): void {
  if (!isDirectoryLeft(directoryFd, name)) return;
  const descent = createDescent(directoryFd, { withinMount: true });
  const levels: { name: ByteString; left: ByteString[] }[] = [];

  function enter(child: ByteString): void {
    if (descent.enter(child)) levels.push({ name: child, left: listDirectory(descent.fd) });
  }

  try {
    enter(name);
    for (let level = levels.at(-1); level; level = levels.at(-1)) {
      const child = level.left.pop();
      if (child !== undefined) {
        if (isDirectoryLeft(descent.fd, child)) enter(child);
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
