import { randomBytes } from "node:crypto";
import { mkdir, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { spreadSubdirectories } from "../../sys/spread-directories.ts";

/** Where layers are unpacked before they have their names. */
export interface Staging {
  /** Work that goes on at the same time has one folder. */
  enter(): Promise<StagingFolder>;
  /** Whether a folder of this name is in use. */
  isInUse(name: string): boolean;
}

export interface StagingFolder {
  path: string;
  /** Call it when nothing of one's own is in it any more; the last one out removes it. */
  leave(): Promise<void>;
}

/**
 * Each folder has another name and so, on ext4, another place on the disk. Without that a layer would go where one was removed a
 * moment ago, and with ext4 that has no journal, inodes freed in the last minute or five are passed over one by one for each new file.
 * Layers that come together stay together: the fewer places they take, the more are left that nothing was removed from.
 * @param folder exists; left-overs of an earlier process are the caller's to remove
 */
export function createStaging(folder: string): Staging {
  spreadSubdirectories(folder);
  const inUse = new Set<string>();
  let current: { name: string; users: number; made: Promise<unknown> } | undefined;

  async function leave(used: NonNullable<typeof current>): Promise<void> {
    if (--used.users > 0) return;
    if (current === used) current = undefined;
    // If even that fails, the next start does it.
    await rmdir(join(folder, used.name)).catch(() => {});
    inUse.delete(used.name);
  }

  return {
    async enter() {
      if (!current) {
        const name = `new-${randomBytes(6).toString("hex")}`;
        inUse.add(name);
        current = { name, users: 0, made: mkdir(join(folder, name), { mode: 0o700 }) };
      }
      const used = current;
      used.users++;
      try {
        await used.made;
      } catch (error) {
        await leave(used);
        throw error;
      }
      return { path: join(folder, used.name), leave: () => leave(used) };
    },
    isInUse: (name) => inUse.has(name),
  };
}
