import { randomBytes } from "node:crypto";
import { createReadStream, mkdirSync, readdirSync, statSync } from "node:fs";
import { rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { ByteString } from "../../formats/tar/tar-entry.ts";
import { createPackUse } from "./sparse-packs.ts";
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
  /** What packs take on the disk, once it was asked for. They don't change. */
  readonly packBytes: Map<string, number>;
  /** Transfers under way, by what the names of their files say. */
  readonly transfers: Set<string>;
  /** Transfers under way. */
  receptions: number;
  lastUsedAt: number;
  /** What is no longer needed is gone. */
  swept: Promise<unknown>;
}

/** @param path is made; what an earlier daemon kept there is found */
export async function openContextFolder(path: string): Promise<ContextFolder> {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const folder: ContextFolder = {
    path,
    latest: undefined,
    readers: new Map(),
    packBytes: new Map(),
    transfers: new Set(),
    receptions: 0,
    lastUsedAt: Date.now(),
    swept: Promise.resolve(),
  };
  const found = await findLatest(path);
  if (found) {
    folder.latest = found.tree;
    // Each build that uses it makes a tree of its own.
    folder.lastUsedAt = Number(found.madeAt / 1_000_000n);
  }
  sweep(folder);
  return folder;
}

/** A daemon that was killed may have left several: the newest that is whole. */
async function findLatest(folder: string): Promise<{ tree: KeptTree; madeAt: bigint } | undefined> {
  const names = readdirSync(folder);
  const packs = new Set(names.filter((name) => name.startsWith("pack-")).map((name) => join(folder, name)));
  const trees = names
    .filter((name) => name.startsWith("tree-"))
    .map((name) => join(folder, name))
    .map((path) => ({ path, madeAt: statSync(path, { bigint: true }).mtimeNs }))
    .sort((a, b) => Number(b.madeAt - a.madeAt));
  for (const { path, madeAt } of trees) {
    const tree = await readTree(path);
    if (tree && [...tree.packs].every((pack) => packs.has(pack))) return { tree, madeAt };
  }
  return undefined;
}

/** @returns undefined for what is no tree @throws system errors */
async function readTree(path: string): Promise<KeptTree | undefined> {
  const packs = new Set<string>();
  let sizeBytes = 0;
  try {
    for await (const { content, sizeBytes: size } of entriesOf(path)) {
      if (content) packs.add(content.pack);
      sizeBytes += size;
    }
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  return { path, packs, sizeBytes };
}

/** Read bit by bit: there may be a hundred thousand. */
async function* entriesOf(path: string): AsyncGenerator<StoredEntry> {
  for await (const line of createInterface({ input: createReadStream(path) })) yield* parseStored(line);
}

/** What is looked at side by side. */
const statsAtOnce = 32;

/** Files of a tree whose content may serve for the next one, by path; none where it cannot be read. */
export async function storedFilesOf(tree: KeptTree | undefined): Promise<Map<ByteString, StoredEntry>> {
  const files = new Map<ByteString, StoredEntry>();
  if (!tree) return files;
  const use = createPackUse();
  try {
    for await (const entry of entriesOf(tree.path)) {
      use.add(entry);
      if (entry.content) files.set(entry.path, entry);
    }
  } catch {
    return new Map();
  }
  const sizes = new Map<string, number>();
  const unknown = use.packs();
  while (unknown.length > 0)
    await Promise.all(
      unknown.splice(-statsAtOnce).map(async (pack) => {
        const found = await stat(pack).catch(() => undefined);
        if (found) sizes.set(pack, found.size);
      }),
    );
  await dropFiles(files, use.listSparse(sizes));
  return files;
}

/** There may be millions, and others wait for this thread. */
const filesPerTurn = 10_000;

/** Takes out those whose content is in one of the packs. */
async function dropFiles(files: Map<ByteString, StoredEntry>, packs: ReadonlySet<string>): Promise<void> {
  if (packs.size === 0) return;
  let count = 0;
  for (const [path, { content }] of files) {
    if (++count % filesPerTurn === 0) await nextTurn();
    if (content && packs.has(content.pack)) files.delete(path);
  }
}

/** What the packs of its trees take on the disk, with what no tree names of them any more. */
export async function measureFolder(folder: ContextFolder): Promise<number> {
  const { packBytes } = folder;
  const packs = [...new Set(treesOf(folder).flatMap((tree) => [...tree.packs]))];
  const unknown = packs.filter((pack) => !packBytes.has(pack));
  while (unknown.length > 0)
    await Promise.all(
      unknown.splice(-statsAtOnce).map(async (pack) => packBytes.set(pack, await measurePack(pack))),
    );
  return packs.reduce((sum, pack) => sum + (packBytes.get(pack) ?? 0), 0);
}

/** Holes are none of it. Packs that are removed meanwhile count as nothing. */
async function measurePack(path: string): Promise<number> {
  const found = await stat(path).catch(() => undefined);
  return found ? Math.min(found.size, found.blocks * 512) : 0;
}

function treesOf({ latest, readers }: ContextFolder): KeptTree[] {
  return [...new Set([...(latest ? [latest] : []), ...readers.keys()])];
}

/** What one transfer writes is not swept away before `end`. */
export function beginTransfer(folder: ContextFolder): { id: string; end(): void } {
  const id = randomBytes(12).toString("hex");
  folder.transfers.add(id);
  return { id, end: () => void folder.transfers.delete(id) };
}

/** Paths of a transfer's new files: another one with each call. */
export function createFileNames(folder: string, transferId: string): FileNames {
  let count = 0;
  return (kind) => join(folder, `${kind}-${transferId}-${count++}`);
}

export type FileNames = (kind: "pack" | "draft" | "tree") => string;

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

/** Has what no tree needs removed: a large file takes its time. */
export function sweep(folder: ContextFolder): void {
  const needed = new Set<string>();
  for (const tree of treesOf(folder)) {
    needed.add(tree.path);
    for (const pack of tree.packs) needed.add(pack);
  }
  const strays = listNames(folder.path)
    .filter((name) => !folder.transfers.has(name.split("-", 2)[1] ?? ""))
    .filter((name) => !needed.has(join(folder.path, name)));
  for (const name of strays) folder.packBytes.delete(join(folder.path, name));
  folder.swept = folder.swept.then(() => removeStrays(folder.path, strays)).catch(() => {});
}

/** A folder that cannot be read does not keep its readers from letting go: what stays in it is the next sweep's. */
function listNames(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Packs last, so that a tree that is found after a crash has its content. What stays is the next sweep's. */
async function removeStrays(folder: string, names: readonly string[]): Promise<void> {
  const isTree = (name: string) => name.startsWith("tree-");
  const remove = (name: string) => rm(join(folder, name), { force: true });
  await Promise.all(names.filter(isTree).map(remove));
  await Promise.allSettled(names.filter((name) => !isTree(name)).map(remove));
}
