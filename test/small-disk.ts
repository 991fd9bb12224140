import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "./engine.ts";

/** A file system of its own with so much room, in memory. */
export function makeSmallDisk(megabytes: number): { path: string } & AsyncDisposable {
  const path = mkdtempSync(join(tmpdir(), "berth-disk-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", path]);
  return {
    path,
    async [Symbol.asyncDispose]() {
      await unmount(path);
      rmdirSync(path);
    },
  };
}

/** Files that were served from it are closed a little later than their server. */
export async function unmount(path: string): Promise<void> {
  await eventually(
    () => spawnSync("umount", [path]).status,
    (status) => status === 0,
  );
}
