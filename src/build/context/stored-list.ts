import { closeSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import type { ByteString } from "../../formats/tar/tar-entry.ts";
import type { ContextEntry } from "./entry.ts";
import type { FileNames } from "./kept-contexts.ts";
import { encodeStored, parseStored, type StoredContent, type StoredEntry, storedOf } from "./stored-tree.ts";

/* Lists of stored trees, for a worker thread. */

/** Files with content of a stored tree, by path. */
export function readStoredFiles(path: string): Map<ByteString, StoredEntry> {
  const entries = parseStored(readFileSync(path, "utf8"));
  return new Map(entries.filter(({ content }) => content).map((entry) => [entry.path, entry]));
}

/** What is encoded at a time. */
const entriesPerPiece = 1000;

/** Whole or not at all. */
export function writeStoredTree(
  newFile: FileNames,
  entries: Iterable<ContextEntry & { content?: StoredContent }>,
): { path: string; packs: string[]; sizeBytes: number } {
  const [draft, path] = [newFile("draft"), newFile("tree")];
  const packs = new Set<string>();
  const fd = openSync(draft, "wx", 0o600);
  let [lines, sizeBytes] = [[] as string[], 0];
  const write = () => writeFileSync(fd, lines.splice(0).join(""));
  try {
    for (const entry of entries) {
      if (entry.content) packs.add(entry.content.pack);
      sizeBytes += entry.sizeBytes;
      lines.push(encodeStored(storedOf(entry)));
      if (lines.length >= entriesPerPiece) write();
    }
    write();
  } finally {
    closeSync(fd);
  }
  renameSync(draft, path);
  return { path, packs: [...packs], sizeBytes };
}
