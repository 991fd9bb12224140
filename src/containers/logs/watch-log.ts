import { type FSWatcher, watch } from "node:fs";
import { basename, dirname } from "node:path";
import { hasCode } from "../../errors.ts";

/** A reader of a log hardly notices this delay. */
const pollMilliseconds = 500;

/**
 * Calls `listener` when something happens to the file of that name or another takes its place (inotify), and for nothing else in
 * its folder: what readers unpack beside it would wake them for ever. Where the kernel has no watches left, which all of a user's
 * processes share, it calls it now and then.
 * @returns what ends it
 */
export function watchLog(path: string, listener: () => void): () => void {
  const name = basename(path);
  let poll: NodeJS.Timeout | undefined;
  let watcher: FSWatcher | undefined;
  const pollInstead = () => {
    poll ??= setInterval(listener, pollMilliseconds);
  };
  try {
    watcher = watch(dirname(path), (_, changed) => {
      if (changed === null || changed === name) listener();
    });
    watcher.on("error", pollInstead);
  } catch (error) {
    // A container may be removed while someone begins to follow its log, which then ends.
    if (!hasCode(error, "ENOENT")) pollInstead();
  }
  return () => {
    watcher?.close();
    clearInterval(poll);
  };
}
