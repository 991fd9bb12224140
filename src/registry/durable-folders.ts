import { mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import { hasCode } from "../errors.ts";

/** Makes folders, and sees to it that what is put into them is found after a power cut. */
export interface DurableFolders {
  /** With all above it. */
  make(folder: string): Promise<void>;
  /** Resolves when every entry now in the folder is on the disk, and the folder itself with all above it. */
  sync(folder: string): Promise<void>;
}

const mostKnown = 100_000;

/** @param root the path above which nothing is ever made; what is missing of it is */
export function createDurableFolders(root: string): DurableFolders {
  /** Whose own entry is on the disk. */
  const known = new Set<string>([dirname(root)]);
  const running = new Map<string, { now: Promise<void>; next?: Promise<void> }>();

  /** Many files come into one folder at a time: a request that finds a sync under way shares the next. */
  function syncEntries(folder: string): Promise<void> {
    const under = running.get(folder);
    if (under) {
      under.next ??= under.now.catch(() => {}).then(() => begin(folder));
      return under.next;
    }
    return begin(folder);
  }

  function begin(folder: string): Promise<void> {
    const now = syncFolder(folder);
    const state = { now };
    running.set(folder, state);
    const end = () => {
      if (running.get(folder) === state) running.delete(folder);
    };
    now.then(end, end);
    return now;
  }

  return {
    async make(folder) {
      const made = await mkdir(folder, { recursive: true, mode: 0o700 });
      if (made === undefined) return;
      // It has been removed since, with all that was below it.
      for (let path = folder; path.length >= made.length; path = dirname(path)) known.delete(path);
    },
    async sync(folder) {
      const unknown: string[] = [];
      for (let path = folder; !known.has(path); path = dirname(path)) unknown.push(path);
      await Promise.all([syncEntries(folder), ...unknown.map((path) => syncEntries(dirname(path)))]);
      if (known.size > mostKnown) {
        known.clear();
        known.add(dirname(root));
      }
      for (const path of unknown) known.add(path);
    },
  };
}

async function syncFolder(path: string): Promise<void> {
  try {
    await using folder = await open(path, "r");
    await folder.sync();
  } catch (error) {
    // Others have removed it, with what was in it; or it is the root's own, which may be another user's.
    if (!hasCode(error, "ENOENT") && !hasCode(error, "EACCES")) throw error;
  }
}
