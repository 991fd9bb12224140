import { closeSync, constants, fstatSync, openSync } from "node:fs";
import { join } from "node:path/posix";
import { hasCode, internal } from "../errors.ts";
import { bytesOfText } from "../formats/tar/tar-entry.ts";
import { closeDescriptor, openBeneath, openInRoot, pathFlag } from "../sys/safe-path.ts";

/** Whether a path, taken by its words alone, stays below where it starts. */
export function isLocalPath(path: string): boolean {
  if (path === "" || path.startsWith("/") || path.includes("\0")) return false;
  let depth = 0;
  for (const name of path.split("/")) {
    if (name === "..") depth--;
    else if (name !== "" && name !== ".") depth++;
    if (depth < 0) return false;
  }
  return true;
}

/**
 * Opens what is at `subpath` below a directory, only to be mounted. A container may have put links there: the kernel refuses
 * those that lead outside, whenever they are changed. The caller closes it.
 * @throws internal in Docker's words
 */
export function openSubpath(base: string, subpath: string): number {
  return openBelow(openBeneath, base, subpath);
}

function openBelow(open: typeof openBeneath, base: string, subpath: string): number {
  const baseFd = openSync(base, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    return open(baseFd, bytesOfText(subpath), pathFlag);
  } catch (error) {
    if (hasCode(error, "EXDEV"))
      throw internal(
        `path concatenation escapes the base directory, base: ${base}, subpath: ${subpath}`,
        error,
      );
    const path = join(base, subpath);
    const reason = reasons.find(([code]) => hasCode(error, code))?.[1];
    if (reason) throw internal(`cannot access path ${path}: lstat ${path}: ${reason}`, error);
    throw error;
  } finally {
    closeSync(baseFd);
  }
}

/** A part of a volume or an image, only to be mounted. */
export interface OpenedPart {
  fd: number;
  isDirectory: boolean;
}

/** The same, with what it is. The caller closes it. @throws as `openSubpath` */
export function openMountPart(base: string, subpath: string): OpenedPart {
  return describePart(openSubpath(base, subpath));
}

/**
 * The same in the root of a file system: a link leads where it leads a process that has its root there, and nowhere outside.
 * @throws as `openSubpath`
 */
export function openRootPart(root: string, path: string): OpenedPart {
  return describePart(openBelow(openInRoot, root, path));
}

function describePart(fd: number): OpenedPart {
  try {
    return { fd, isDirectory: fstatSync(fd).isDirectory() };
  } catch (error) {
    closeDescriptor(fd);
    throw error;
  }
}

const reasons = [
  ["ENOENT", "no such file or directory"],
  ["ENOTDIR", "not a directory"],
  ["ELOOP", "too many levels of symbolic links"],
  ["ENAMETOOLONG", "file name too long"],
] as const;
