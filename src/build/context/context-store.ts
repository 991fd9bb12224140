import { createHash, randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { bootId } from "../../sys/process.ts";
import { removeTree } from "../../trees/trees.ts";
import type { DirectoryVisitor } from "../client-session.ts";
import { type ContextFolder, openContextFolder, readFrom, sweep } from "./kept-contexts.ts";
import { createReception, type Reception } from "./reception.ts";

/*
 * The directories that clients send. What a build gets is a list of entries; the content of files lies in packs, so that no name that
 * a client sends is ever one in the file system, and builds at the same time don't disturb each other. The list is kept by the
 * client's key: of a file that is as it was, nothing is sent again.
 */

/** A directory as a client sent it. */
export interface ReceivedTree {
  /** For `openStoredTree`. */
  path: string;
  /** Bytes of file content, and those of them that were sent. */
  sizeBytes: number;
  sentBytes: number;
  /** The caller is done with it. */
  release(): void;
}

/** A directory that is kept for the next build. */
export interface KeptContext {
  id: string;
  sizeBytes: number;
  /** Milliseconds since the epoch. */
  lastUsedAt: number;
  inUse: boolean;
}

export interface ContextStore {
  /**
   * Has `send` send a directory.
   * @param key names it over several builds; undefined for one that is not kept
   * @throws what `send` throws; EngineError invalid for what cannot be a directory
   */
  receive(key: string | undefined, send: (visitor: DirectoryVisitor) => Promise<void>): Promise<ReceivedTree>;
  /** Below its root. */
  folderNames(): ReadonlySet<string>;
  list(): Promise<KeptContext[]>;
  /** Silent when it is in use, or there is none. @returns whether it is gone */
  remove(id: string): Promise<boolean>;
}

/**
 * After a crash of the machine, content may be missing that had been written: what was kept before this boot is not believed.
 * @param root is made
 */
export function openContextStore(root: string): ContextStore {
  const home = join(root, bootId());
  clearOthers(root);
  mkdirSync(home, { recursive: true, mode: 0o700 });
  /** Those of earlier daemons are looked into when they are wanted. */
  const folders = new Map<string, Promise<ContextFolder>>();
  const idle = new Set(readdirSync(home));

  function folderFor(id: string): Promise<ContextFolder> {
    const known = folders.get(id) ?? openContextFolder(join(home, id));
    folders.set(id, known);
    idle.delete(id);
    return known;
  }

  return {
    async receive(key, send) {
      const id = createHash("sha256")
        .update(key ?? randomUUID())
        .digest("hex")
        .slice(0, 25);
      const folder = await folderFor(id);
      folder.receptions++;
      // What the present latest has is not sent again: it must stay meanwhile.
      const leaveLatest = folder.latest && readFrom(folder, folder.latest);
      let reception: Reception | undefined;
      try {
        reception = await createReception(folder);
        await send(reception.visitor);
        const tree = await reception.finish();
        const release = readFrom(folder, tree);
        if (key !== undefined) folder.latest = tree;
        const { path, sizeBytes } = tree;
        return {
          ...{ path, sizeBytes, sentBytes: reception.sentBytes },
          release() {
            release();
            if (key === undefined) drop(folders, id, folder);
          },
        };
      } finally {
        folder.receptions--;
        await reception?.close();
        leaveLatest?.();
        sweep(folder);
      }
    },
    folderNames: () => new Set([bootId()]),
    async list() {
      const opened = await Promise.all(
        [...folders.keys(), ...idle].map(async (id) => [id, await folderFor(id)] as const),
      );
      return opened.map(([id, { latest, lastUsedAt, readers }]) => ({
        ...{ id, lastUsedAt, sizeBytes: latest?.sizeBytes ?? 0, inUse: readers.size > 0 },
      }));
    },
    async remove(id) {
      const folder = await folders.get(id);
      if (!folder || folder.readers.size > 0 || folder.receptions > 0) return false;
      folders.delete(id);
      await folder.swept;
      await removeTree(folder.path);
      return true;
    },
  };
}

function clearOthers(root: string): void {
  if (!existsSync(root)) return;
  for (const name of readdirSync(root)) {
    if (name !== bootId()) void removeTree(join(root, name)).catch(() => {});
  }
}

function drop(folders: Map<string, unknown>, id: string, folder: ContextFolder): void {
  folders.delete(id);
  void folder.swept.then(() => removeTree(folder.path)).catch(() => {});
}
