import { fstatSync, lstatSync, type Stats } from "node:fs";
import type { ByteString } from "../formats/tar/tar-entry.ts";
import {
  closeDescriptor,
  createFileAt,
  entryPath,
  makeDirectoryAt,
  openDirectoryAt,
  openFileInRoot,
} from "../sys/safe-path.ts";
import { closeLevel, type Level, type Merged, openRoot, walkMerged } from "./merged-walk.ts";

/**
 * The root file system that an overlay of layers would show, looked at without mounting it: whiteouts, opaque directories and
 * links count, as they do for a process in it. Synchronous, for few and short paths.
 */
export interface MergedRoot {
  /** Where a path ends when all links are followed; what is not there stays as it is. @throws invalid for too many links */
  resolve(path: ByteString): ByteString;
  /** What is at a path when all links are followed; undefined for nothing. */
  findKind(path: ByteString): "directory" | "other" | undefined;
  /** Opens a file for reading; the caller closes it. Undefined when there is none, or it is no plain file. */
  findFile(path: ByteString): number | undefined;
  /** Of a directory; undefined when there is none. */
  findDirectory(path: ByteString): Stats | undefined;
  /** From now on `source`, a path of the host or nothing, is seen there. @param path as `resolve` gave it */
  mount(path: ByteString, source: string | undefined): void;
  /**
   * In something mounted, makes a directory or an empty file, or its missing parents alone. @param path as `resolve` gave it
   * @returns false when it is in the layers, which stay as they are, and not there
   */
  makeInMount(path: ByteString, kind: MountpointKind): boolean;
  close(): void;
}

export type MountpointKind = "directory" | "file" | "parents";

/**
 * @param layers directories of the root file system, topmost first
 * @param onSource called before anything of what is mounted is looked at; what it throws is thrown
 */
export function openMergedRoot(layers: readonly string[], onSource?: (source: string) => void): MergedRoot {
  const merged: Merged = { root: openRoot(layers), mounts: new Map(), onSource };
  const walk = <R>(path: ByteString, use: Parameters<typeof walkMerged<R>>[2]) =>
    walkMerged(merged, path, use);
  return {
    resolve: (path) =>
      walk(
        path,
        (levels, missing) => `/${[...levels.slice(1).map(({ name }) => name), ...missing].join("/")}`,
      ),
    findKind: (path) =>
      walk(path, (_, missing, last) => {
        if (missing.length === 0) return "directory";
        return last?.kind === "other" ? "other" : undefined;
      }),
    findFile: (path) =>
      walk(path, (_, missing, last) => {
        const name = missing.at(-1);
        if (missing.length !== 1 || name === undefined || last?.kind !== "other") return undefined;
        return openFileInRoot(last.directoryFd, name, "refuse");
      }),
    findDirectory: (path) =>
      walk(path, (levels, missing) => {
        const fd = levels.at(-1)?.fds[0];
        return missing.length > 0 || fd === undefined ? undefined : fstatSync(fd);
      }),
    mount: (path, source) => void merged.mounts.set(path.replace(/^\/+/, ""), source),
    makeInMount: (path, kind) =>
      walk(path, (levels, missing) => {
        const { fds, isLayered } = levels.at(-1) as Level;
        if (isLayered) return missing.length === 0;
        const name = missing.at(-1);
        if (fds[0] === undefined || name === undefined) return true;
        makeBelow(fds[0], missing.slice(0, -1), (fd) => {
          if (lstatSync(entryPath(fd, name), { throwIfNoEntry: false })) return;
          if (kind === "directory") makeDirectoryAt(fd, name, 0o755);
          else if (kind === "file") closeDescriptor(createFileAt(fd, name, 0o755));
        });
        return true;
      }),
    close: () => closeLevel(merged.root),
  };
}

/** Where something else is in the way it stays. @throws SyscallError */
function makeBelow(
  directoryFd: number,
  names: readonly ByteString[],
  use: (directoryFd: number) => void,
): void {
  let fd = directoryFd;
  try {
    for (const name of names) {
      if (lstatSync(entryPath(fd, name), { throwIfNoEntry: false })) return;
      makeDirectoryAt(fd, name, 0o755);
      const made = openDirectoryAt(fd, name);
      if (fd !== directoryFd) closeDescriptor(fd);
      fd = made;
    }
    use(fd);
  } finally {
    if (fd !== directoryFd) closeDescriptor(fd);
  }
}
