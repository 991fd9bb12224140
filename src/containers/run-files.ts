import { readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { hasCode } from "../errors.ts";
import type { Containers } from "./containers.ts";

/** Those that are no container's: the commands of build steps. */
export interface OtherProcesses {
  /** Of those that run, or are about to. */
  ids(): string[];
  /** Of those of them that have a network of their own. */
  sandboxOwners(): string[];
}

/**
 * Paths of what was made for processes that neither the supervisor nor a record knows: left by a start that was cut off.
 * @param held what the supervisor held a while ago
 */
export async function findStrayRunFiles(
  containers: Containers,
  held: ReadonlyMap<string, unknown>,
  others: OtherProcesses,
): Promise<string[]> {
  const { execRoot } = containers.settings;
  const folders = [...runFolders(containers), "p"];
  const isKnown = (id: string) =>
    held.has(id) ||
    containers.byId.has(id) ||
    containers.leaving.has(id) ||
    containers.execs.get(id)?.running ||
    others.ids().includes(id);
  const perFolder = folders.map(async (folder) =>
    (await namesIn(join(execRoot, folder)))
      .filter((name) => /^[0-9a-f]{64}$/.test(name) && !isKnown(name))
      .map((name) => join(execRoot, folder, name)),
  );
  return (await Promise.all(perFolder)).flat();
}

/** The process that the runtime has made, as it says in what was made for that; undefined where it has made none. */
export function findPidIn(runFiles: string): number | undefined {
  try {
    return Number(readFileSync(join(runFiles, "pid"), "latin1")) || undefined;
  } catch {
    return undefined;
  }
}

/** Ids of the containers of which the runtime, or the launcher, may have left something. */
export async function findIdsWithRunFiles(containers: Containers): Promise<Set<string>> {
  const { execRoot } = containers.settings;
  const names = await Promise.all(runFolders(containers).map((folder) => namesIn(join(execRoot, folder))));
  return new Set(names.flat());
}

function runFolders({ settings: { runtimes } }: Containers): string[] {
  return ["bundles", ...Object.keys(runtimes).map((name) => join("runtime", name))];
}

/** Nothing for a folder that is not there. */
export async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return [];
    throw error;
  }
}
