import { type FSWatcher, watch } from "node:fs";
import { basename, dirname } from "node:path";
import { hasCode } from "../../errors.ts";

/**
 * Calls `listener` when something happens to the file of that name or another takes its place (inotify), and for nothing else in
 * its folder: what readers unpack beside it would wake them for ever.
 * @returns what ends it
 */
export function watchLog(path: string, listener: () => void): () => void {
  const name = basename(path);
  const watcher = watchIfExists(dirname(path), (changed) => {
    if (changed === null || changed === name) listener();
  });
  watcher?.on("error", () => {});
  return () => watcher?.close();
}

/** A container may be removed while someone begins to follow its log, which then ends. */
function watchIfExists(folder: string, listener: (changed: string | null) => void): FSWatcher | undefined {
  try {
    return watch(folder, (_, changed) => listener(changed));
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}
