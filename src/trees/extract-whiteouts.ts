import { lstatSync } from "node:fs";
import { hasCode } from "../errors.ts";
import type { ByteString } from "../formats/tar/tar-entry.ts";
import { makeNode } from "../sys/device-node.ts";
import {
  closeDescriptor,
  descriptorPath,
  entryPath,
  makeDirectoryAt,
  openDirectoryAt,
} from "../sys/safe-path.ts";
import { setXattr } from "../sys/xattr.ts";
import type { NameMemory } from "./extract-memory.ts";
import { opaqueXattr } from "./whiteouts.ts";

/**
 * The deletions of a layer, which say what of the layers below is gone, wherever in the archive they stand. So they are made once all
 * that the layer brings is there. @param rootFd of the layer
 */
export interface Whiteouts {
  /** What was at the path is gone. */
  hide(path: readonly ByteString[]): void;
  /** Of the directory at the path nothing from below shows through. */
  hideBelow(path: readonly ByteString[]): void;
  apply(): void;
}

export function createWhiteouts(rootFd: number, memory: NameMemory): Whiteouts {
  const hidden = new Set<ByteString>();
  const opaque = new Set<ByteString>();

  function remember(paths: Set<ByteString>, path: readonly ByteString[]): void {
    const key = path.join("/");
    if (paths.has(key)) return;
    memory.take(key.length);
    paths.add(key);
  }

  return {
    hide: (path) => remember(hidden, path),
    hideBelow: (path) => remember(opaque, path),
    apply() {
      for (const path of opaque) inDirectory(rootFd, path, markOpaque);
      // A directory that is gone comes before what was in it, which is gone with it.
      for (const path of [...hidden].sort()) {
        const slash = path.lastIndexOf("/");
        const name = path.slice(slash + 1);
        inDirectory(rootFd, path.slice(0, Math.max(slash, 0)), (fd) => hideIn(fd, name));
      }
    },
  };
}

function hideIn(directoryFd: number, name: ByteString): void {
  const stats = lstatSync(entryPath(directoryFd, name), { throwIfNoEntry: false });
  if (!stats) makeNode(directoryFd, name, "characterDevice", { major: 0, minor: 0 });
  // The layer brings a new one under the hidden name: only what lies below is hidden.
  else if (stats.isDirectory()) setXattr(entryPath(directoryFd, name), opaqueXattr, Buffer.from("y"));
}

function markOpaque(directoryFd: number): void {
  setXattr(`${descriptorPath(directoryFd)}/.`, opaqueXattr, Buffer.from("y"));
}

/**
 * Calls `use` with a directory of the layer, made with its parents when missing. Not when the layer has something else in the place of
 * one of them, a link too: then nothing of the layers below shows through there.
 */
function inDirectory(rootFd: number, path: ByteString, use: (directoryFd: number) => void): void {
  let fd = rootFd;
  try {
    for (const name of path === "" ? [] : path.split("/")) {
      const next = openOrMake(fd, name);
      if (next === undefined) return;
      if (fd !== rootFd) closeDescriptor(fd);
      fd = next;
    }
    use(fd);
  } finally {
    if (fd !== rootFd) closeDescriptor(fd);
  }
}

function openOrMake(directoryFd: number, name: ByteString): number | undefined {
  try {
    return openDirectoryAt(directoryFd, name);
  } catch (error) {
    if (hasCode(error, "ENOTDIR") || hasCode(error, "ELOOP")) return undefined;
    if (!hasCode(error, "ENOENT")) throw error;
  }
  makeDirectoryAt(directoryFd, name, 0o755);
  return openDirectoryAt(directoryFd, name);
}
