import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { ByteString } from "../../formats/tar/tar-entry.ts";
import { parseStored, type StoredEntry } from "./stored-tree.ts";

/** A tree and the packs that its content is in. */
export interface KeptTree {
  path: string;
  packs: ReadonlySet<string>;
  sizeBytes: number;
}

/** The trees of one key: the latest, and earlier ones that builds still read. */
export interface ContextFolder {
  readonly path: string;
  latest: KeptTree | undefined;
  /** How many read a tree. */
  readonly readers: Map<KeptTree, number>;
  /** Files that are being written. */
  readonly written: Set<string>;
  lastUsedAt: number;
}

/** @param path is made; what an earlier daemon kept there is found */
export function openContextFolder(path: string): ContextFolder {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const folder: ContextFolder = {
    path,
    latest: undefined,
    readers: new Map(),
    written: new Set(),
    lastUsedAt: Date.now(),
  };
  const tree = readdirSync(path).find((name) => name.startsWith("tree-"));
  if (tree !== undefined) folder.latest = readTree(join(path, tree));
  sweep(folder);
  return folder;
}

function readTree(path: string): KeptTree {
  const packs = new Set<string>();
  let sizeBytes = 0;
  for (const { content, sizeBytes: size } of parseStored(readFileSync(path, "utf8"))) {
    if (content) packs.add(content.pack);
    sizeBytes += size;
  }
  return { path, packs, sizeBytes };
}

/** Files of a tree with content, by path. */
export function storedFilesOf(tree: KeptTree | undefined): Map<ByteString, StoredEntry> {
  if (!tree) return new Map();
  const entries = parseStored(readFileSync(tree.path, "utf8")).filter(({ content }) => content);
  return new Map(entries.map((entry) => [entry.path, entry]));
}

/** Keeps a tree until the function that it gives is called. */
export function readFrom(folder: ContextFolder, tree: KeptTree): () => void {
  folder.readers.set(tree, (folder.readers.get(tree) ?? 0) + 1);
  folder.lastUsedAt = Date.now();
  let isDone = false;
  return () => {
    if (isDone) return;
    isDone = true;
    const left = (folder.readers.get(tree) as number) - 1;
    if (left > 0) {
      folder.readers.set(tree, left);
      return;
    }
    folder.readers.delete(tree);
    if (tree !== folder.latest) sweep(folder);
  };
}

/** Removes what no tree needs. */
export function sweep(folder: ContextFolder): void {
  const needed = new Set(folder.written);
  for (const tree of [folder.latest, ...folder.readers.keys()]) {
    if (!tree) continue;
    needed.add(tree.path);
    for (const pack of tree.packs) needed.add(pack);
  }
  for (const name of readdirSync(folder.path)) {
    const path = join(folder.path, name);
    if (!needed.has(path)) rmSync(path, { force: true });
  }
}
