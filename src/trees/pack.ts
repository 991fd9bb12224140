import { type BigIntStats, closeSync, constants, lstatSync, readSync } from "node:fs";
import { hasCode } from "../errors.ts";
import { fileTypeOf } from "../formats/tar/file-stats.ts";
import {
  type ByteString,
  type FileType,
  paddingAfter,
  type TarEntry,
  type TarEntryType,
} from "../formats/tar/tar-entry.ts";
import { encodeEntry } from "../formats/tar/tar-writer.ts";
import {
  closeDescriptor,
  descriptorPath,
  entryPath,
  longestPathBytes,
  openDirectoryAt,
  openFileInRoot,
  openInRoot,
  pathFlag,
} from "../sys/safe-path.ts";
import { describeFile } from "./describe-file.ts";
import { tooLong, walkTree } from "./walk.ts";
import { isOpaque, isWhiteout, opaqueMarker, whiteoutPrefix } from "./whiteouts.ts";

export interface PackOptions {
  /** Open directory that links don't lead out of. Stays the caller's to close. */
  rootFd: number;
  /** What to pack: "" for everything in the root, else a path in it; a link there is packed as a link. */
  path: ByteString;
  /** What the archive calls it; below it come `<name>/…`. "" packs a directory's content, with names relative to it. */
  name: ByteString;
  /** The directory is an overlay's upper one: its deletions become the archive's. */
  whiteouts: boolean;
  /** What the archive says of when something was changed; undefined: what is so. */
  timeOf?(mtime: TarEntry["mtime"]): TarEntry["mtime"];
  /** What the archive says instead: of the same file, with other owners. */
  translate?(entry: TarEntry): TarEntry;
  /** Asked for what lies on another file system than the root: true for what is packed without its content. */
  isBoundary?(parentFd: number, base: ByteString, stats: BigIntStats): boolean;
}

const { O_DIRECTORY } = constants;
const chunkBytes = 512 * 1024;

/**
 * The tar of a directory tree in pieces, without the end of the archive. Directories come before what is in them, files
 * before subdirectories, each by name. Sockets are left out. Files that vanish meanwhile are left out, too; one that
 * shrinks is filled with zeros. Synchronous, for a worker thread. A piece is valid until the next one.
 */
export function* packTree(options: PackOptions): Generator<Buffer> {
  const { rootFd, path, name } = options;
  const packer = createPacker(options);
  if (path === "") {
    if (name !== "") yield* packRootDirectory(options);
    yield* packBelow(packer, rootFd, name);
    return;
  }
  const slash = path.lastIndexOf("/");
  const base = path.slice(slash + 1);
  const parentFd = openInRoot(rootFd, path.slice(0, Math.max(slash, 0)), pathFlag | O_DIRECTORY);
  try {
    let isEntered = false;
    const enter = () => {
      isEntered = true;
    };
    yield* packer.pack(parentFd, base, name, enter);
    if (!isEntered) return;
    const directoryFd = openListed(parentFd, base);
    if (directoryFd === undefined) return;
    try {
      yield* packBelow(packer, directoryFd, name);
    } finally {
      closeDescriptor(directoryFd);
    }
  } finally {
    closeDescriptor(parentFd);
  }
}

function* packBelow(packer: Packer, directoryFd: number, name: ByteString): Generator<Buffer> {
  for (const { directoryFd: fd, name: base, path, enter } of walkTree(directoryFd))
    yield* packer.pack(fd, base, joinName(name, path), enter);
}

/** One archive: what it has already, by inode. */
interface Packer {
  /** @param name in the archive. @param enter called for a directory whose content belongs in it */
  pack(parentFd: number, base: ByteString, name: ByteString, enter: () => void): Generator<Buffer>;
}

function createPacker({ rootFd, whiteouts, isBoundary, timeOf, translate }: PackOptions): Packer {
  const linked = new Map<string, ByteString>();
  const buffer = Buffer.allocUnsafe(chunkBytes);
  const rootDevice = lstatSync(`${descriptorPath(rootFd)}/.`, { bigint: true }).dev;

  function* packDirectory(parentFd: number, base: ByteString, entry: TarEntry): Generator<Buffer> {
    yield encodeEntry(entry);
    if (whiteouts && isOpaque(entryPath(parentFd, base))) {
      yield encodeEntry(emptyFile(joinName(entry.name, opaqueMarker)));
    }
  }

  return {
    *pack(parentFd, base, name, enter) {
      const stats = lstatSync(entryPath(parentFd, base), { bigint: true, throwIfNoEntry: false });
      const type = stats && fileTypeOf(stats);
      if (!stats || !type) return;
      if (name.length > longestPathBytes) throw tooLong(name);
      if (whiteouts && isWhiteout(stats)) {
        yield encodeEntry(emptyFile(joinName(parentName(name), whiteoutPrefix + base)));
        return;
      }
      if (stats.dev !== rootDevice && isBoundary?.(parentFd, base, stats)) {
        yield encodeEntry(mountpoint(name, type));
        return;
      }
      const found = findEntry(parentFd, base, name, type, stats);
      if (!found) return;
      const entry = translate?.(found) ?? found;
      if (timeOf) entry.mtime = timeOf(entry.mtime);
      if (type === "directory") {
        yield* packDirectory(parentFd, base, entry);
        enter();
        return;
      }
      const identity = stats.nlink > 1n ? `${stats.dev}:${stats.ino}` : undefined;
      const first = identity && linked.get(identity);
      if (first !== undefined && first !== "") {
        yield encodeEntry({ ...entry, type: "link", linkName: first, sizeBytes: 0 });
        return;
      }
      if (identity) linked.set(identity, name);
      if (type === "file") yield* packFile(parentFd, base, entry, buffer);
      else yield encodeEntry(entry);
    },
  };
}

function* packRootDirectory({ rootFd, name, timeOf, translate }: PackOptions): Generator<Buffer> {
  const stats = lstatSync(`${descriptorPath(rootFd)}/.`, { bigint: true });
  const found = describe(rootFd, ".", name, "directory", stats);
  const entry = translate?.(found) ?? found;
  yield encodeEntry(timeOf ? { ...entry, mtime: timeOf(entry.mtime) } : entry);
}

function* packFile(parentFd: number, base: ByteString, entry: TarEntry, buffer: Buffer): Generator<Buffer> {
  let fd: number | undefined;
  try {
    fd = openFileInRoot(parentFd, base, "refuse");
  } catch (error) {
    if (hasCode(error, "ENOENT")) return;
    throw error;
  }
  if (fd === undefined) return;
  try {
    yield encodeEntry(entry);
    for (let left = entry.sizeBytes; left > 0; ) {
      const count = readSync(fd, buffer, 0, Math.min(left, buffer.length), null);
      const piece = count > 0 ? buffer.subarray(0, count) : Buffer.alloc(Math.min(left, chunkBytes));
      yield piece;
      left -= piece.length;
    }
    const padding = paddingAfter(entry.sizeBytes);
    if (padding > 0) yield Buffer.alloc(padding);
  } finally {
    closeSync(fd);
  }
}

/** Returns undefined when it has gone, or something else is in its place. */
function findEntry(...asked: Parameters<typeof describe>): TarEntry | undefined {
  try {
    return describe(...asked);
  } catch (error) {
    if (hasCode(error, "ENOENT") || hasCode(error, "EINVAL")) return undefined;
    throw error;
  }
}

function describe(
  parentFd: number,
  base: ByteString,
  name: ByteString,
  type: FileType,
  stats: BigIntStats,
): TarEntry {
  return { name, ...describeFile(parentFd, base, type, stats) };
}

/** Whiteouts have no owner and time of their own that anyone looks at. */
function emptyFile(name: ByteString): TarEntry {
  const mtime = { seconds: 0, nanoseconds: 0 };
  return { name, type: "file", mode: 0o600, uid: 0, gid: 0, sizeBytes: 0, mtime };
}

/** What a mount lies on, as if it had just been made for that. */
function mountpoint(name: ByteString, type: TarEntryType): TarEntry {
  return type === "directory"
    ? { ...emptyFile(name), type, mode: 0o755 }
    : { ...emptyFile(name), mode: 0o644 };
}

/** Returns undefined when the directory has gone, or something else is in its place. */
function openListed(parentFd: number, base: ByteString): number | undefined {
  try {
    return openDirectoryAt(parentFd, base);
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "ELOOP"].some((code) => hasCode(error, code))) return undefined;
    throw error;
  }
}

function joinName(directory: ByteString, base: ByteString): ByteString {
  if (directory === "") return base;
  return directory.endsWith("/") ? directory + base : `${directory}/${base}`;
}

function parentName(name: ByteString): ByteString {
  const slash = name.lastIndexOf("/");
  return slash < 0 ? "" : name.slice(0, slash);
}
