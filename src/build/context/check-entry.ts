import { invalid } from "../../errors.ts";
import { type ByteString, textOfBytes } from "../../formats/tar/tar-entry.ts";
import type { ContextEntry } from "./entry.ts";

/** Bounds of one directory. */
const most = {
  ...{ entries: 2_000_000, pathBytes: 4096, depth: 512, xattrs: 64, xattrBytes: 64 * 1024 },
  /** Of the list as it is stored and held in memory. */
  listBytes: 256 * 1024 * 1024,
};

/** What the list says of each entry beside its texts and attributes. */
const entryBytes = 64;

/** Of files that are read as a whole: a Dockerfile, a .dockerignore. */
export const mostSmallBytes = 4 * 1024 * 1024;

/** How much a directory's list comes to, however it comes. */
export interface EntryCount {
  /** Whether a path is one that a context may have. */
  fits(pathBytes: number, names: number): boolean;
  /** @param pathBytes as `encodedBytes` has it @throws EngineError invalid for too many entries, or too much that is said of them */
  add(entry: ContextEntry, pathBytes: number): void;
}

const plainText = /^[ !#-[\]-~]*$/;

/** What a text takes in the list: a control character is written as six. */
export function encodedBytes(text: ByteString): number {
  return plainText.test(text) ? text.length : Buffer.byteLength(JSON.stringify(text)) - 2;
}

export function countEntries(): EntryCount {
  let [count, listBytes] = [0, 0];
  return {
    fits: (pathBytes, names) => names <= most.depth && pathBytes <= most.pathBytes,
    add(entry, pathBytes) {
      if (++count > most.entries) throw invalid(`the build context has more than ${most.entries} entries`);
      listBytes += entryBytes + pathBytes + encodedBytes(entry.linkName ?? "") + checkXattrs(entry);
      if (listBytes > most.listBytes)
        throw invalid(`the build context's list is larger than ${most.listBytes} bytes`);
    },
  };
}

/**
 * Checks entries as they come: clean paths, each after its parent, siblings in order, links to files that came before.
 * @throws EngineError invalid
 */
export function createEntryCheck(): (entry: ContextEntry) => void {
  const files = new Set<string>();
  /** Names on the way to the last entry, and whether that is a directory. */
  let last: { names: string[]; isDirectory: boolean } = { names: [], isDirectory: true };
  const counted = countEntries();

  return (entry) => {
    const names = splitClean(entry, counted);
    checkPlace(entry, names, last);
    checkLinkName(entry);
    counted.add(entry, encodedBytes(entry.path));
    if (!Number.isSafeInteger(entry.sizeBytes) || entry.sizeBytes < 0) throw refuse(entry, "invalid size");
    if (entry.type === "link" && !files.has(entry.linkName ?? ""))
      throw refuse(entry, "hard link to a file that did not come before");
    if (entry.type === "file") files.add(entry.path);
    last = { names, isDirectory: entry.type === "directory" };
  };
}

function splitClean(entry: ContextEntry, counted: EntryCount): string[] {
  const { path } = entry;
  const names = path.split("/");
  const isClean = names.every((name) => name !== "" && name !== "." && name !== ".." && !name.includes("\0"));
  if (!isClean || !counted.fits(path.length, names.length)) throw refuse(entry, "invalid path");
  return names;
}

/** Siblings are ordered by their bytes, and what is in a directory comes directly after it. */
function checkPlace(
  entry: ContextEntry,
  names: readonly string[],
  last: { names: readonly string[]; isDirectory: boolean },
): void {
  const parent = names.slice(0, -1);
  const shared = parent.findIndex((name, index) => name !== last.names[index]);
  const isBelow = shared < 0 && (parent.length < last.names.length || last.isDirectory);
  if (!isBelow || parent.length > last.names.length) throw refuse(entry, "its directory did not come before");
  const before = last.names[parent.length];
  const name = names[parent.length] as string;
  if (before !== undefined && before >= name) throw refuse(entry, "out of order");
}

function checkLinkName(entry: ContextEntry): void {
  const { linkName = "" } = entry;
  if (linkName.length > most.pathBytes || linkName.includes("\0")) throw refuse(entry, "invalid link");
}

/** @returns how much they take in the list, in bytes */
function checkXattrs(entry: ContextEntry): number {
  const { xattrs } = entry;
  if (!xattrs) return 0;
  let [bytes, listedBytes] = [0, 0];
  for (const [name, value] of xattrs) {
    bytes += name.length + value.length;
    listedBytes += encodedBytes(name) + Math.ceil(value.length / 3) * 4;
  }
  if (xattrs.size > most.xattrs || bytes > most.xattrBytes)
    throw refuse(entry, "too many extended attributes");
  return listedBytes;
}

function refuse({ path }: ContextEntry, reason: string): Error {
  const shown = JSON.stringify(textOfBytes(path.slice(0, 200)));
  return invalid(`the client sent an invalid entry of the build context, ${shown}: ${reason}`);
}
