import { randomBytes } from "node:crypto";
import { lstatSync, mkdirSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { conflict, hasCode, messageOf } from "../errors.ts";
import type { Logger } from "../logger.ts";
import { removeTree } from "../trees/trees.ts";
import { parseLocalOptions } from "./local-options.ts";
import type { MountedVolumes } from "./mounted.ts";
import { checkQuotas, dropQuota, findQuota, setQuota } from "./quotas.ts";
import type { VolumeRecord } from "./volume.ts";

/** The directories of volumes: `NAME/_data` below `root`. */
export interface VolumeDirectories {
  of(record: VolumeRecord): string;
  isThere(record: VolumeRecord): boolean;
  /** Makes it, limited as the volume says, when it is missing; all of it, or nothing. @throws invalid where there are no quotas */
  ensure(record: VolumeRecord): void;
  /** A new one that no volume has yet, under a name that is none of a volume. @throws invalid where there are no quotas */
  stage(options: VolumeRecord["options"]): { folder: string; directory: string };
  /** Removes a staged one. */
  discard(folder: string): Promise<void>;
  /** Gives a folder the name of the volume. Silent when that was done before. @throws conflict when something else has the name */
  settle(folder: string, name: string): void;
  /** Renames it: a crash before its removal leaves an empty volume, never a new volume with old content. @returns its new path */
  putAside(name: string): string;
  /** What cannot be removed stays until the next start, with a warning. @param path a folder, of any name */
  remove(path: string): Promise<void>;
  /** Removes what removals and imports that were cut off have left. @param kept folders that volumes still need */
  clear(kept: ReadonlySet<string>): void;
}

/** Of folders on their way out and in; no possible name of a volume. */
const removedPrefix = ".removed-";
const stagedPrefix = ".staged-";

function sizeOf(options: VolumeRecord["options"]): number | undefined {
  const local = parseLocalOptions(options);
  return local.kind === "directory" ? local.sizeBytes : undefined;
}

function namesIn(root: string, folder: string): string[] {
  try {
    return readdirSync(join(root, folder));
  } catch (error) {
    if (hasCode(error, "ENOENT")) return [];
    throw error;
  }
}

function make(root: string, folder: string, sizeBytes: number | undefined): string {
  if (sizeBytes !== undefined) checkQuotas(root);
  const directory = join(root, folder, "_data");
  mkdirSync(join(root, folder), { recursive: true, mode: 0o701 });
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  if (sizeBytes !== undefined) setQuota(root, [directory], sizeBytes);
  return directory;
}

function settle(root: string, folder: string, name: string): void {
  if (namesIn(root, folder).length === 0) return;
  try {
    renameSync(join(root, folder), join(root, name));
  } catch (error) {
    if (!hasCode(error, "ENOTEMPTY") && !hasCode(error, "EEXIST")) throw error;
    throw conflict(`there is a directory ${join(root, name)} of no volume: remove it first`, error);
  }
}

const newName = (prefix: string) => `${prefix}${randomBytes(8).toString("hex")}`;

export function openVolumeDirectories(
  root: string,
  mounted: MountedVolumes,
  logger: Logger,
): VolumeDirectories {
  /** Looks at the entry alone: the server of what is mounted there may not answer. */
  const isThere = (folder: string) => namesIn(root, folder).includes("_data");

  function stage(sizeBytes: number | undefined): { folder: string; directory: string } {
    const folder = newName(stagedPrefix);
    return { folder, directory: makeWhole(folder, sizeBytes) };
  }

  /** Leaves nothing of its own where it fails. */
  function makeWhole(folder: string, sizeBytes: number | undefined): string {
    const wasThere = lstatSync(join(root, folder), { throwIfNoEntry: false }) !== undefined;
    try {
      return make(root, folder, sizeBytes);
    } catch (error) {
      if (!wasThere) void remove(putAside(folder));
      throw error;
    }
  }

  function putAside(name: string): string {
    const leaving = join(root, newName(removedPrefix));
    try {
      renameSync(join(root, name), leaving);
    } catch (error) {
      if (!hasCode(error, "ENOENT")) throw error;
    }
    return leaving;
  }

  async function remove(path: string): Promise<void> {
    const directory = join(path, "_data");
    try {
      await mounted.clear(directory);
      const quota = findQuota(root, directory);
      await removeTree(path);
      if (quota !== undefined) dropQuota(root, quota);
    } catch (error) {
      logger.warn({ path, reason: messageOf(error) }, "a removed volume's files stay until the next start");
    }
  }

  mkdirSync(root, { recursive: true, mode: 0o701 });
  return {
    of: ({ name }) => join(root, name, "_data"),
    isThere: ({ name }) => isThere(name),
    ensure({ name, options }) {
      if (isThere(name)) return;
      const sizeBytes = sizeOf(options);
      if (sizeBytes === undefined) return void makeWhole(name, undefined);
      // Cut off before it had its limit, it would never get one.
      const { folder } = stage(sizeBytes);
      try {
        settle(root, folder, name);
      } catch (error) {
        void remove(join(root, folder));
        throw error;
      }
    },
    stage: (options) => stage(sizeOf(options)),
    discard: (folder) => remove(join(root, folder)),
    settle: (folder, name) => settle(root, folder, name),
    putAside,
    remove,
    clear(kept) {
      for (const entry of readdirSync(root)) {
        const isLeft = entry.startsWith(removedPrefix) || entry.startsWith(stagedPrefix);
        if (isLeft && !kept.has(entry)) void remove(join(root, entry));
      }
    },
  };
}
