import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { processIds } from "../../src/containers/top.ts";

const folder = mkdtempSync(join(tmpdir(), "berth-cgroup-"));
after(() => rmSync(folder, { recursive: true }));

test("the processes of cgroups are listed, of those that go meanwhile as well as they can be", () => {
  for (const [name, pids] of [
    ["", "1\n2\n"],
    ["nested", "3\n"],
  ] as const) {
    mkdirSync(join(folder, name), { recursive: true });
    writeFileSync(join(folder, name, "cgroup.procs"), pids);
  }
  // As one that is removed between its listing and its reading.
  mkdirSync(join(folder, "going"));
  assert.deepEqual(processIds(folder).sort(), [1, 2, 3]);
  assert.deepEqual(processIds(join(folder, "gone")), []);
  // Any other failure is one.
  mkdirSync(join(folder, "odd"));
  symlinkSync("cgroup.procs", join(folder, "odd", "cgroup.procs"));
  assert.throws(() => processIds(folder), { code: "ELOOP" });
});
