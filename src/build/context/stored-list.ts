import { closeSync, openSync, renameSync, statSync, writeFileSync } from "node:fs";
import type { ByteString } from "../../formats/tar/tar-entry.ts";
import type { ContextEntry } from "./entry.ts";
import type { FileNames } from "./kept-contexts.ts";
import { createPackUse } from "./sparse-packs.ts";
import { encodeStored, readStored, type StoredContent, type StoredEntry, storedOf } from "./stored-tree.ts";

/* Lists of stored trees, for a worker thread. */

/** Files of a stored tree whose content may serve for the next one, by path. */
export function readStoredFiles(path: string): Map<ByteString, StoredEntry> {
  const files = new Map<ByteString, StoredEntry>();
  const use = createPackUse();
  for (const entry of readStored(path)) {
    use.add(entry);
    if (entry.content) files.set(entry.path, entry);
  }
  const sizes = new Map<string, number>();
  for (const pack of use.packs()) {
    const stat = statSync(pack, { throwIfNoEntry: false });
    if (stat) sizes.set(pack, stat.size);
  }
  const sparse = use.listSparse(sizes);
  for (const [name, { content }] of files) if (content && sparse.has(content.pack)) files.delete(name);
  return files;
}

/** Nothing where that cannot be read: then all is stored again. */
export function readStoredFilesIfWhole(path: string): Map<ByteString, StoredEntry> {
  try {
    return readStoredFiles(path);
  } catch {
    return new Map();
  }
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
