import { closeSync, openSync, rmSync } from "node:fs";
import { join } from "node:path";
import { EngineError, hasCode, internal } from "../errors.ts";

/**
 * Whether nothing can be written below `path`, as after an error of its disk. Tried, since ext4 in that state (from Linux 6.14 on)
 * still says that one may.
 */
function isReadOnly(path: string): boolean {
  const probe = join(path, ".writable");
  try {
    closeSync(openSync(probe, "w", 0o600));
    rmSync(probe);
    return false;
  } catch (error) {
    return hasCode(error, "EROFS");
  }
}

const advice = (root: string) =>
  `the data root ${root} is on a read-only file system: look into the kernel's log for the reason, then remount it writable`;

/**
 * What to say of an error that a data root on a read-only file system has brought about; others are returned as they are. What
 * failed need not say so itself: SQLite speaks of I/O, and a directory that could not be made is missed later.
 */
export function explainReadOnly(root: string, error: unknown): unknown {
  if ((error instanceof EngineError && error.kind !== "internal") || !isReadOnly(root)) return error;
  return internal(error instanceof EngineError ? `${error.message}: ${advice(root)}` : advice(root), error);
}

/** @throws EngineError internal */
export function checkWritable(root: string): void {
  if (isReadOnly(root))
    throw internal(`${advice(root)} and start the engine again; containers run on meanwhile`);
}
