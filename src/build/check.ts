import { readdirSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Finding } from "../finding.ts";
import { removeTree } from "../trees/trees.ts";
import { snapshotOf } from "./cache/step-cache.ts";
import type { SolveRooms } from "./solve/solving.ts";

/** Compares what the builder keeps with its records, and with what builds need that are not over. */
export async function checkBuilder(rooms: SolveRooms): Promise<Finding[]> {
  const root = join(rooms.root, "build");
  const lists = await Promise.all([
    checkSnapshots(rooms),
    checkRecords(rooms),
    findStrays(join(root, "mounts"), "cache mount", rooms.cacheMounts.folderNames),
    findStrays(join(root, "folders"), "folder of a build", rooms.folders.names),
    findStrays(join(root, "contexts"), "build contexts", rooms.contexts.folderNames),
    checkEmpty(join(root, "empty")),
    checkMounts(rooms, join(root, "mounts")),
  ]);
  return lists.flat();
}

function checkSnapshots({ images, cache, live }: SolveRooms): Finding[] {
  const kept = new Set(cache.list().map(({ id }) => snapshotOf(id)));
  return images.snapshots
    .names()
    .filter((name) => name.startsWith(snapshotOf("")) && !kept.has(name) && !live.has(name))
    .map((name) => ({
      subject: `snapshot ${name}`,
      problem: "no build and no record needs it",
      repair: () => images.snapshots.remove(name),
    }));
}

function checkRecords({ images, cache }: SolveRooms): Finding[] {
  const known = new Set(images.snapshots.names());
  return cache
    .list()
    .filter(({ id }) => !known.has(snapshotOf(id)))
    .map(({ id }) => ({
      subject: `build cache record ${id}`,
      problem: "its layers are not kept",
      repair: () => cache.remove(id),
    }));
}

function checkMounts({ cacheMounts }: SolveRooms, root: string): Finding[] {
  const there = new Set(readdirSync(root));
  return cacheMounts
    .list()
    .filter(({ id }) => !there.has(id))
    .map(({ id }) => ({
      subject: `cache mount ${id}`,
      problem: "its directory is missing",
      repair: () => cacheMounts.remove(id),
    }));
}

/** In one go: what is made or removed between two looks would be reported as a fault, and repaired away. */
function findStrays(root: string, what: string, listKnown: () => ReadonlySet<string>): Finding[] {
  const names = readdirSync(root);
  const known = listKnown();
  return names
    .filter((name) => !known.has(name))
    .map((name) => ({
      subject: `${what} ${name}`,
      problem: "there is no record of it",
      repair: () => removeTree(join(root, name)),
    }));
}

/** It is below all that stands on nothing. */
async function checkEmpty(path: string): Promise<Finding[]> {
  const names = await readdir(path).catch(() => []);
  if (names.length === 0) return [];
  return [
    {
      subject: `directory ${path}`,
      problem: "it is not empty",
      repair: () => Promise.all(names.map((name) => removeTree(join(path, name)))),
    },
  ];
}
