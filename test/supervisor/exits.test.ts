import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { keepExit, readKeptExits } from "../../src/supervisor/exits.ts";

it("exits are left for the next supervisor; what is no exit, or was cut off, is passed over", () => {
  const folder = mkdtempSync(join(tmpdir(), "bt-exits-"));
  for (const name of ["known", "unknown", "running", "cut"]) mkdirSync(join(folder, name));
  writeFileSync(join(folder, "tty-1"), "");
  writeFileSync(join(folder, "cut/exit"), '{"process":"cu');
  const exits = [
    { process: "known", pid: 5, startTicks: 50, exitCode: 7, at: 1 },
    { process: "unknown", exitCode: undefined, at: 2 },
  ];
  for (const exit of exits) keepExit(folder, exit);
  // The folder has gone: nobody is kept from going on.
  keepExit(folder, { process: "gone", exitCode: 0, at: 3 });
  assert.deepEqual(readKeptExits(folder), exits);
  rmSync(folder, { recursive: true });
});
