import { type BigIntStats, closeSync, constants, fstatSync, lstatSync, openSync, readSync } from "node:fs";
import { hasCode, internal } from "../../errors.ts";
import { fileTypeOf } from "../../formats/tar/file-stats.ts";
import { type ByteString, textOfBytes } from "../../formats/tar/tar-entry.ts";
import {
  closeDescriptor,
  entryPath,
  listDirectory,
  openBeneath,
  openFileInRoot,
  pathFlag,
} from "../../sys/safe-path.ts";
import { describeFile } from "../../trees/describe-file.ts";
import type { ContextEntry } from "./entry.ts";
import type { SourceTree } from "./source-tree.ts";

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
const pieceBytes = 512 * 1024;

/** A tree that is mounted, or just there. @param rootFd stays open as long as the tree is used; `close` closes it */
export function openMountedTree(rootFd: number): SourceTree {
  const buffer = Buffer.allocUnsafe(pieceBytes);

  /** Runs `use` with the directory that the path's last name is in; undefined when there is none, or a link leads to it. */
  function inParent<R>(path: ByteString, use: (fd: number, name: ByteString) => R): R | undefined {
    const slash = path.lastIndexOf("/");
    if (slash < 0) return use(rootFd, path);
    const fd = openPlain(rootFd, path.slice(0, slash), pathFlag | O_DIRECTORY);
    if (fd === undefined) return undefined;
    try {
      return use(fd, path.slice(slash + 1));
    } finally {
      closeDescriptor(fd);
    }
  }

  function* read(path: ByteString): Generator<Buffer> {
    const fd = openFileInRoot(rootFd, path, "refuse");
    if (fd === undefined) throw internal(`"${textOfBytes(path)}" was replaced while it was read`);
    try {
      for (;;) {
        const count = readSync(fd, buffer, 0, buffer.length, null);
        if (count === 0) return;
        yield buffer.subarray(0, count);
      }
    } finally {
      closeSync(fd);
    }
  }

  return {
    find(path) {
      if (path === "") return describe(rootFd, ".", "", fstatSync(rootFd, { bigint: true }));
      return inParent(path, (fd, name) => {
        const stats = lstatSync(entryPath(fd, name), { bigint: true, throwIfNoEntry: false });
        return stats && describe(fd, name, path, stats);
      });
    },
    list(path) {
      if (path === "") return listDirectory(rootFd);
      const fd = openPlain(rootFd, path, O_RDONLY | O_DIRECTORY);
      if (fd === undefined) return [];
      try {
        return listDirectory(fd);
      } finally {
        closeDescriptor(fd);
      }
    },
    read,
    contentDigest: () => undefined,
    close: () => closeSync(rootFd),
  };
}

/** Opens the root of a directory as a tree's. */
export function openTreeAt(path: string): SourceTree {
  return openMountedTree(openSync(path, O_RDONLY | O_DIRECTORY));
}

/** The caller closes it. Undefined for what is not there. */
function openPlain(rootFd: number, path: ByteString, flags: number): number | undefined {
  try {
    return openBeneath(rootFd, path, flags | O_NOFOLLOW);
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "ELOOP", "EXDEV"].some((code) => hasCode(error, code))) return undefined;
    throw error;
  }
}

function describe(
  parentFd: number,
  name: ByteString,
  path: ByteString,
  stats: BigIntStats,
): ContextEntry | undefined {
  const type = fileTypeOf(stats);
  if (!type) return undefined;
  const entry: ContextEntry = { path, ...describeFile(parentFd, name, type, stats) };
  if (type === "file" && stats.nlink > 1n) entry.identity = `${stats.dev}:${stats.ino}`;
  return entry;
}
