import { closeSync, constants, openSync } from "node:fs";
import { hasCode } from "../errors.ts";
import type { ByteString } from "../formats/tar/tar-entry.ts";
import { makeDirectoryAt, openDirectoryInRoot } from "./safe-path.ts";

/**
 * Makes `path` and its missing parents inside the tree at `root`; links are followed inside the tree only.
 * @throws SyscallError, for example ENOTDIR when something else is in the way
 */
export function makeDirectoryInRoot(root: string, path: ByteString): void {
  const rootFd = openSync(root, constants.O_RDONLY | constants.O_DIRECTORY);
  let current = "";
  try {
    for (const name of path.split("/").filter((part) => part !== "" && part !== ".")) {
      const parent = openDirectoryInRoot(rootFd, current);
      try {
        if (name !== "..") makeDirectoryAt(parent, name, 0o755);
      } catch (error) {
        if (!hasCode(error, "EEXIST")) throw error;
      } finally {
        closeSync(parent);
      }
      current = `${current}/${name}`;
    }
  } finally {
    closeSync(rootFd);
  }
}
