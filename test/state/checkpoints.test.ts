import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { it } from "node:test";
import { createLogger } from "../../src/logger.ts";
import { openState } from "../../src/state/state.ts";
import { eventually } from "../engine.ts";

it("what is stored comes into the state file while the engine runs, and its log begins anew", async () => {
  const folder = mkdtempSync(join(tmpdir(), "bt-state-"));
  const path = join(folder, "state.db");
  const state = openState(path, createLogger("silent"));
  const kind = { name: "thing", read: (value: unknown) => value as { text: string } };
  const things = state.records(kind);
  const text = "x".repeat(3500);
  let count = 0;
  const write = (records: number) => {
    for (let n = 0; n < records; n++) things.put(`key ${count++}`, { text });
  };
  write(2000);
  // Later commits see to what was written while the thread was at work.
  await eventually(
    () => {
      write(20);
      return statSync(path).size;
    },
    (size) => size > 2000 * text.length,
    300,
  );
  const sizeBefore = statSync(`${path}-wal`).size;
  await eventually(
    () => {
      write(20);
      const reader = new DatabaseSync(path, { readOnly: true });
      const [row] = reader.prepare("SELECT count(*) AS rows FROM records").all();
      reader.close();
      assert.equal(Number(row?.rows), count);
      return count;
    },
    (all) => all > 6000,
    300,
  );
  assert.ok(statSync(`${path}-wal`).size < 2 * sizeBefore + (16 << 20), "the log grows without end");
  state.close();
  rmSync(folder, { recursive: true });
});
