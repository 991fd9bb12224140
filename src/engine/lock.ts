import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { conflict } from "../errors.ts";
import { tryLock } from "../sys/file-lock.ts";

/**
 * Claims the data root for this process; the kernel gives it back when the process ends, however it ends.
 * @returns the function that gives it back. @throws EngineError conflict
 */
export function lockRoot(root: string): () => void {
  const fd = openSync(join(root, "lock"), "a", 0o600);
  if (!tryLock(fd)) {
    closeSync(fd);
    throw conflict(
      `another engine uses the data root ${root}: stop it, or give this one its own with --data-root and --exec-root`,
    );
  }
  return () => closeSync(fd);
}
