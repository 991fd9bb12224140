import { constants, fchmodSync, fchownSync } from "node:fs";
import { hasCode, invalid } from "../../errors.ts";
import { type ByteString, textOfBytes } from "../../formats/tar/tar-entry.ts";
import { closeDescriptor, makeDirectoryAt, openDirectoryAt, openInRoot } from "../../sys/safe-path.ts";
import { openMountedTree } from "../context/mounted-tree.ts";
import { resolvePath, type SourceTree } from "../context/source-tree.ts";
import type { FileOwner } from "./copy-action.ts";

const { O_RDONLY, O_DIRECTORY } = constants;

/** A root file system that is written to. Paths are without slashes in front and at their end; "" is the root. */
export interface TargetRoot {
  readonly fd: number;
  /** Where a path leads when all links in it are followed, inside the root. @throws invalid for a circle of links */
  resolve(path: ByteString): ByteString;
  isDirectory(path: ByteString): boolean;
  /** Makes a directory, and its parents, where they are missing. @throws EngineError for a file in the way */
  ensureDirectory(path: ByteString, owner: FileOwner, mode?: number): void;
}

/** @param rootFd stays the caller's to close */
export function openTargetRoot(rootFd: number): TargetRoot {
  const tree: SourceTree = openMountedTree(rootFd);
  const isDirectory = (path: ByteString) => tree.find(path)?.type === "directory";
  return {
    fd: rootFd,
    resolve(path) {
      const resolved = resolvePath(tree, path);
      if (resolved === undefined) throw invalid(`${textOfBytes(path)}: too many levels of symbolic links`);
      return resolved;
    },
    isDirectory,
    ensureDirectory(path, owner, mode = 0o755) {
      const names = path.split("/").filter((name) => name !== "");
      for (let depth = 1; depth <= names.length; depth++) {
        if (isDirectory(names.slice(0, depth).join("/"))) continue;
        makeDirectory(rootFd, names.slice(0, depth), owner, mode);
      }
    },
  };
}

function makeDirectory(
  rootFd: number,
  names: readonly ByteString[],
  { uid, gid }: FileOwner,
  mode: number,
): void {
  const name = names.at(-1) as ByteString;
  const parentFd = openInRoot(rootFd, names.slice(0, -1).join("/"), O_RDONLY | O_DIRECTORY);
  try {
    makeDirectoryAt(parentFd, name, mode);
    const fd = openDirectoryAt(parentFd, name);
    fchownSync(fd, uid, gid);
    fchmodSync(fd, mode);
    closeDescriptor(fd);
  } catch (error) {
    if (!hasCode(error, "EEXIST")) throw error;
    throw invalid(`mkdir /${textOfBytes(names.join("/"))}: not a directory`, error);
  } finally {
    closeDescriptor(parentFd);
  }
}

export function stripSlashes(path: ByteString): ByteString {
  let [begin, end] = [0, path.length];
  while (path[begin] === "/") begin++;
  while (end > begin && path[end - 1] === "/") end--;
  return path.slice(begin, end);
}

export function joinPath(directory: ByteString, name: ByteString): ByteString {
  if (directory === "" || name === "") return directory + name;
  return `${directory}/${name}`;
}

export function splitLast(path: ByteString): [directory: ByteString, name: ByteString] {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? ["", path] : [path.slice(0, slash), path.slice(slash + 1)];
}
