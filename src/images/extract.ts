import { constants, ftruncateSync, linkSync, lstatSync, symlinkSync, writeSync } from "node:fs";
import { EngineError, hasCode, internal, invalid, messageOf } from "../errors.ts";
import { type ByteString, type TarEntry, textOfBytes } from "../formats/tar-entry.ts";
import type { TarEvent } from "../formats/tar-reader.ts";
import { makeNode } from "../sys/device-node.ts";
import {
  closeDescriptor,
  createFileAt,
  descriptorPath,
  entryPath,
  makeDirectoryAt,
  openInRoot,
  removeTree,
  splitPath,
} from "../sys/safe-path.ts";
import { setXattr } from "../sys/xattr.ts";
import {
  firstMode,
  type Owner,
  setDirectoryAttributes,
  setEntryAttributes,
  setFileAttributes,
} from "./extract-attributes.ts";
import { createParents } from "./extract-parents.ts";
import { createDirectoryTimes } from "./extract-times.ts";
import { opaqueMarker, opaqueXattr, whiteoutPrefix } from "./whiteouts.ts";

export interface ExtractOptions {
  /** Open directory that no name and no link leads out of. Stays the caller's to close. */
  rootFd: number;
  /** Where in the root the archive's names start: "" or "a/b", which exists. */
  base: ByteString;
  /** Turns the archive's whiteouts into overlay's: for layers. Else they are files like any other. */
  whiteouts: boolean;
  /** Instead of the owners in the archive. */
  owner?: Owner;
  /** Refuse to put a file where a directory is, or the other way round. */
  keepTypes?: boolean;
}

export interface Extraction {
  take(event: TarEvent): void;
  /** Sets what had to wait until all entries were there. */
  finish(): void;
  /** Closes descriptors; always to be called. */
  close(): void;
  /** Bytes of file content so far. */
  readonly sizeBytes: number;
}

const { O_NOFOLLOW, O_DIRECTORY } = constants;

/**
 * Writes the entries of an archive into a directory tree: owners, modes with setuid, extended attributes, times,
 * links, devices. Synchronous, for a worker thread.
 * @throws invalid for an entry that leads outside; internal when the file system refuses
 */
export function createExtraction(options: ExtractOptions): Extraction {
  const parents = createParents(options.rootFd, options.base);
  const directoryTimes = createDirectoryTimes(parents);
  const whitedOut = new Set<ByteString>();
  /** `at`: how far it is; what was passed over is a hole. */
  let open: { fd: number; entry: TarEntry; at: number } | undefined;
  let current: TarEntry | undefined;
  let sizeBytes = 0;

  function start(entry: TarEntry): void {
    const path = splitPath(entry.name);
    if (!path) throw invalid(`invalid archive: ${quote(entry.name)} is outside of it`);
    const name = path.pop();
    if (name === undefined) {
      if (options.whiteouts && entry.type === "directory") finishDirectory(options.rootFd, ".", [], entry);
      return;
    }
    const parentFd = parents.get(path);
    if (options.whiteouts && name.startsWith(whiteoutPrefix)) whiteOut(parentFd, path, name);
    else create(parentFd, path, name, entry);
  }

  function whiteOut(parentFd: number, path: ByteString[], name: ByteString): void {
    if (name === opaqueMarker) {
      setXattr(`${descriptorPath(parentFd)}/.`, opaqueXattr, Buffer.from("y"));
      return;
    }
    // The other names with the doubled prefix are aufs's own bookkeeping.
    if (name.startsWith(whiteoutPrefix + whiteoutPrefix)) return;
    const hidden = name.slice(whiteoutPrefix.length);
    if (splitPath(hidden)?.length !== 1) throw invalid(`invalid archive: whiteout ${quote(name)}`);
    whitedOut.add([...path, hidden].join("/"));
    try {
      makeNode(parentFd, hidden, "characterDevice", { major: 0, minor: 0 });
    } catch (error) {
      if (!hasCode(error, "EEXIST")) throw error;
      // The same layer brings a new one under the hidden name: only what lies below is hidden.
      if (lstatSync(entryPath(parentFd, hidden)).isDirectory()) hideBelow(parentFd, hidden);
    }
  }

  function hideBelow(parentFd: number, name: ByteString): void {
    setXattr(entryPath(parentFd, name), opaqueXattr, Buffer.from("y"));
  }

  function create(parentFd: number, path: ByteString[], name: ByteString, entry: TarEntry): void {
    try {
      make(parentFd, name, entry);
    } catch (error) {
      if (!hasCode(error, "EEXIST") || !makeRoom(parentFd, name, entry)) throw error;
      directoryTimes.drop([...path, name]);
      if (entry.type !== "directory" || !isDirectory(parentFd, name)) make(parentFd, name, entry);
    }
    if (entry.type === "directory") {
      if (whitedOut.has([...path, name].join("/"))) hideBelow(parentFd, name);
      finishDirectory(parentFd, name, [...path, name], entry);
    } else if (entry.type !== "file" && entry.type !== "link") {
      setEntryAttributes(parentFd, name, entry, options.owner ?? entry);
    }
  }

  /** Takes away what is in the way, and says whether to try again. */
  function makeRoom(parentFd: number, name: ByteString, entry: TarEntry): boolean {
    const isThere = isDirectory(parentFd, name);
    const isWanted = entry.type === "directory";
    if (isThere && isWanted) return true;
    if (options.keepTypes && isThere) {
      throw invalid(`cannot overwrite directory ${quote(name)} with non-directory ${quote(entry.name)}`);
    }
    if (options.keepTypes && isWanted) {
      throw invalid(`cannot overwrite non-directory ${quote(name)} with directory ${quote(entry.name)}`);
    }
    parents.forget();
    removeTree(parentFd, name);
    return true;
  }

  function make(parentFd: number, name: ByteString, entry: TarEntry): void {
    switch (entry.type) {
      case "file": {
        open = { fd: createFileAt(parentFd, name, firstMode(entry, options.owner ?? entry)), entry, at: 0 };
        break;
      }
      case "directory":
        makeDirectoryAt(parentFd, name, firstMode(entry, options.owner ?? entry));
        break;
      case "symlink":
        symlinkSync(Buffer.from(entry.linkName ?? "", "latin1"), entryPath(parentFd, name));
        break;
      case "link":
        makeLink(parentFd, name, entry);
        break;
      default:
        makeNode(parentFd, name, entry.type, {
          major: entry.deviceMajor ?? 0,
          minor: entry.deviceMinor ?? 0,
        });
    }
  }

  function makeLink(parentFd: number, name: ByteString, entry: TarEntry): void {
    const target = splitPath(entry.linkName ?? "");
    const targetName = target?.pop();
    if (!target || targetName === undefined) {
      throw invalid(`invalid archive: link ${quote(entry.name)} leads outside of it`);
    }
    // Not from the cache, which may close `parentFd` when it is full.
    const targetFd = parents.openExisting(target);
    try {
      linkSync(entryPath(targetFd, targetName), entryPath(parentFd, name));
    } finally {
      closeDescriptor(targetFd);
    }
  }

  function finishFile(): void {
    if (!open) return;
    const { fd, entry, at } = open;
    open = undefined;
    try {
      // A hole at the end is not written by anything after it.
      if (entry.isSparse) ftruncateSync(fd, at);
      setFileAttributes(fd, entry, options.owner ?? entry);
    } finally {
      closeDescriptor(fd);
    }
  }

  function finishDirectory(parentFd: number, name: ByteString, path: ByteString[], entry: TarEntry): void {
    const fd = openInRoot(parentFd, name, O_DIRECTORY | O_NOFOLLOW);
    try {
      setDirectoryAttributes(fd, entry, options.owner ?? entry);
    } finally {
      parents.adopt(path, fd);
    }
    directoryTimes.put(path, entry.mtime);
  }

  return {
    take(event) {
      if (event.kind === "data") {
        if (open) writeAll(open, event.data);
        sizeBytes += event.data.length;
        return;
      }
      if (event.kind === "hole") {
        if (open) open.at += event.lengthBytes;
        return;
      }
      if (event.kind === "entry") current = event.entry;
      try {
        if (event.kind === "entry") start(event.entry);
        else finishFile();
      } catch (error) {
        throw explain(error, current);
      }
    },
    finish: directoryTimes.apply,
    close() {
      if (open) closeDescriptor(open.fd);
      open = undefined;
      parents.close();
    },
    get sizeBytes() {
      return sizeBytes;
    },
  };
}

function isDirectory(parentFd: number, name: ByteString): boolean {
  return lstatSync(entryPath(parentFd, name), { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function writeAll(file: { fd: number; entry: TarEntry; at: number }, data: Buffer): void {
  try {
    for (let done = 0; done < data.length; ) {
      const written = file.entry.isSparse
        ? writeSync(file.fd, data, done, data.length - done, file.at)
        : writeSync(file.fd, data, done);
      done += written;
      file.at += written;
    }
  } catch (error) {
    throw explain(error, file.entry);
  }
}

/** Names the entry instead of the descriptor that a system error names. */
function explain(error: unknown, entry: TarEntry | undefined): unknown {
  if (error instanceof EngineError) return error;
  const where = entry ? ` ${quote(entry.name)}` : "";
  if (hasCode(error, "ENOSPC")) return internal(`failed to extract${where}: no space left on device`, error);
  const reason = messageOf(error).replace(/\s*'?\/proc\/self\/fd\/.*$/s, "");
  return internal(`failed to extract${where}: ${reason}`, error);
}

function quote(name: ByteString): string {
  return JSON.stringify(textOfBytes(name));
}
