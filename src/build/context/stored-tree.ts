import { closeSync, openSync, readSync } from "node:fs";
import { internal } from "../../errors.ts";
import type { ByteString } from "../../formats/tar/tar-entry.ts";
import type { ContextEntry } from "./entry.ts";
import { openPackFiles } from "./pack-files.ts";
import type { SourceTree } from "./source-tree.ts";

/** Where the content of a file is: in a pack, which holds that of many. */
export interface StoredContent {
  /** Path of the pack. */
  pack: string;
  offset: number;
  /** Hexadecimal sha256; undefined for what was stored without reading all of it: a file with holes. */
  digest?: string;
}

export interface StoredEntry extends Omit<ContextEntry, "xattrs"> {
  content?: StoredContent;
  /** In base64, by name. */
  xattrs?: Record<string, string>;
}

/** As a list of a tree has it. */
export function storedOf({ xattrs, ...entry }: ContextEntry & { content?: StoredContent }): StoredEntry {
  if (!xattrs) return entry;
  const encoded = [...xattrs].map(([name, value]) => [name, value.toString("base64")] as const);
  return { ...entry, xattrs: Object.fromEntries(encoded) };
}

/* A tree is a file of one line of JSON for each of its entries, in the order in which the client told them. */

export function encodeStored(entry: StoredEntry): string {
  return `${JSON.stringify(entry)}\n`;
}

export function parseStored(text: string): StoredEntry[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as StoredEntry);
}

const pieceBytes = 256 * 1024;

/** The entries of a tree, read bit by bit: a list may be longer than a string. Synchronous, for a worker thread. */
export function* readStored(path: string): Generator<StoredEntry> {
  const fd = openSync(path, "r");
  const piece = Buffer.allocUnsafe(pieceBytes);
  let rest: Buffer = Buffer.alloc(0);
  try {
    for (let count = readSync(fd, piece); count > 0; count = readSync(fd, piece)) {
      const end = piece.lastIndexOf("\n", count - 1) + 1;
      const lines = Buffer.concat([rest, piece.subarray(0, end)]);
      rest = Buffer.concat([end > 0 ? Buffer.alloc(0) : rest, piece.subarray(end, count)]);
      if (end > 0) yield* parseStored(lines.toString());
    }
    yield* parseStored(rest.toString());
  } finally {
    closeSync(fd);
  }
}

/** What a tree's file says. */
export interface StoredList {
  entries: ReadonlyMap<ByteString, StoredEntry>;
  /** Names in a directory. */
  children: ReadonlyMap<ByteString, ByteString[]>;
}

export function readStoredList(path: string): StoredList {
  const entries = new Map<ByteString, StoredEntry>();
  const children = new Map<ByteString, ByteString[]>([["", []]]);
  for (const entry of readStored(path)) {
    entries.set(entry.path, entry);
    const slash = entry.path.lastIndexOf("/");
    const parent = slash < 0 ? "" : entry.path.slice(0, slash);
    const siblings = children.get(parent);
    if (siblings) siblings.push(entry.path.slice(slash + 1));
    if (entry.type === "directory") children.set(entry.path, []);
  }
  return { entries, children };
}

/** Opens a tree that was stored in this file. @param list what it says, where that is known */
export function openStoredTree(path: string, list = readStoredList(path)): SourceTree {
  const { entries, children } = list;
  const packs = openPackFiles();

  /** A link has the content of the file that it names. */
  function contentOf(path: ByteString): { content: StoredContent; sizeBytes: number } {
    const entry = entries.get(path);
    const file = entry?.type === "link" ? entries.get(entry.linkName ?? "") : entry;
    if (!file?.content) throw internal(`the content of ${JSON.stringify(path)} is not there`);
    return { content: file.content, sizeBytes: file.sizeBytes };
  }

  return {
    find(path) {
      if (path === "") return root;
      const entry = entries.get(path);
      return entry && decodeEntry(entry, entries);
    },
    list: (path) => children.get(path) ?? [],
    *read(path) {
      const { content, sizeBytes } = contentOf(path);
      const buffer = Buffer.allocUnsafe(Math.min(pieceBytes, Math.max(sizeBytes, 1)));
      for (let done = 0; done < sizeBytes; done += buffer.length) {
        const part = buffer.subarray(0, sizeBytes - done);
        if (packs.read(content.pack, part, content.offset + done) < part.length)
          throw internal("a pack of build context content is cut off");
        yield part;
      }
    },
    contentDigest: (path) => contentOf(path).content.digest,
    close: packs.close,
  };
}

const root: ContextEntry = {
  path: "",
  type: "directory",
  mode: 0o755,
  uid: 0,
  gid: 0,
  sizeBytes: 0,
  mtime: { seconds: 0, nanoseconds: 0 },
};

/** Names of one file are files of their own here: what is copied of them may be one alone. */
function decodeEntry(
  { content: _, xattrs, ...entry }: StoredEntry,
  entries: ReadonlyMap<ByteString, StoredEntry>,
): ContextEntry {
  const first = entry.type === "link" ? entries.get(entry.linkName ?? "") : undefined;
  const attributes = xattrs ?? first?.xattrs;
  return {
    ...entry,
    ...(first && { type: "file" as const, sizeBytes: first.sizeBytes, mode: first.mode }),
    ...(attributes && {
      xattrs: new Map(
        Object.entries(attributes).map(([name, value]) => [name, Buffer.from(value, "base64")]),
      ),
    }),
  };
}
