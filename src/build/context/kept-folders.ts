import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { hasCode, internal } from "../../errors.ts";
import { bootId } from "../../sys/process.ts";
import { removeTree } from "../../trees/trees.ts";
import { type ContextFolder, openContextFolder } from "./kept-contexts.ts";

/** The folders of all keys, by their ids. */
export interface KeptFolders {
  /** It stays until `leave`. @throws EngineError internal for a full disk; system errors */
  enter(id: string): Promise<ContextFolder>;
  /** Removes a folder that is not in use and keeps nothing. */
  leave(id: string, folder: ContextFolder): void;
  /** Without those that cannot be opened. */
  list(): Promise<{ id: string; folder: ContextFolder }[]>;
  /** Silent when it is in use, or there is none. @returns whether it is gone */
  remove(id: string): Promise<boolean>;
}

/** What such a folder is called while it is removed. */
const removedPrefix = "removed-";

/**
 * After a crash of the machine, content may be missing that had been written: what was kept before this boot is not believed.
 * @param root is made
 */
export function openKeptFolders(root: string): KeptFolders {
  const home = join(root, bootId());
  clearOthers(root);
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const found = readdirSync(home);
  for (const name of found.filter(isRemoved)) removeLater(join(home, name));
  /** Those of earlier daemons are looked into when they are wanted. */
  const idle = new Set(found.filter((name) => !isRemoved(name)));
  const folders = new Map<string, Promise<ContextFolder>>();

  function open(id: string): Promise<ContextFolder> {
    const known = folders.get(id);
    if (known) return known;
    const wasIdle = idle.delete(id);
    const opening = openContextFolder(join(home, id)).catch((error: unknown) => {
      // The next one tries again.
      folders.delete(id);
      if (wasIdle) idle.add(id);
      throw explainFullDisk(error);
    });
    folders.set(id, opening);
    return opening;
  }

  /** Nothing comes between its last look at the folder and its new name: who opens that id from then on gets another. */
  async function setAside(
    id: string,
    isUnwanted: (folder: ContextFolder) => boolean,
  ): Promise<string | undefined> {
    const opening = folders.get(id);
    const folder = await opening?.catch(() => undefined);
    if (!folder || folders.get(id) !== opening || isInUse(folder) || !isUnwanted(folder)) return undefined;
    const path = join(home, removedPrefix + randomBytes(12).toString("hex"));
    try {
      renameSync(folder.path, path);
    } catch (error) {
      if (!hasCode(error, "ENOENT")) throw error;
    }
    folders.delete(id);
    return path;
  }

  return {
    async enter(id) {
      for (;;) {
        const opening = open(id);
        const folder = await opening;
        if (folders.get(id) !== opening) continue;
        folder.receptions++;
        return folder;
      }
    },
    leave(id, folder) {
      void setAside(id, (one) => one === folder && !one.latest)
        .then((path) => path !== undefined && removeLater(path))
        .catch(() => {});
    },
    async list() {
      const ids = [...folders.keys(), ...idle];
      const opened = await Promise.allSettled(ids.map(async (id) => ({ id, folder: await open(id) })));
      return opened.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    },
    async remove(id) {
      const path = await setAside(id, () => true);
      if (path === undefined) return false;
      await removeTree(path);
      return true;
    },
  };
}

/** A full disk in Docker's words; any other error as it is. */
export function explainFullDisk(error: unknown): unknown {
  if (!hasCode(error, "ENOSPC") && !hasCode(error, "EDQUOT")) return error;
  return internal("failed to store the build context: no space left on device", error);
}

const isInUse = ({ readers, receptions }: ContextFolder) => readers.size > 0 || receptions > 0;
const isRemoved = (name: string) => name.startsWith(removedPrefix);

function clearOthers(root: string): void {
  if (!existsSync(root)) return;
  for (const name of readdirSync(root)) if (name !== bootId()) removeLater(join(root, name));
}

function removeLater(path: string): void {
  void removeTree(path).catch(() => {});
}
