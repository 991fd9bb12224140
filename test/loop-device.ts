import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A block device of so many megabytes, in a sparse file of its own. */
export function makeLoopDevice(megabytes: number): { path: string } & AsyncDisposable {
  const folder = mkdtempSync(join(tmpdir(), "berth-loop-"));
  const file = join(folder, "image");
  writeFileSync(file, "");
  truncateSync(file, megabytes << 20);
  const path = execFileSync("losetup", ["--find", "--show", file], { encoding: "utf8" }).trim();
  return {
    path,
    async [Symbol.asyncDispose]() {
      spawnSync("losetup", ["--detach", path]);
      rmSync(folder, { recursive: true });
    },
  };
}
