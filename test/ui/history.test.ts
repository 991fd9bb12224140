import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { openHistory } from "../../src/ui/history.ts";

it("a clock that ran ahead stops no history, and what it left is not shown", (test) => {
  const folder = mkdtempSync(join(tmpdir(), "berth-history-"));
  test.after(() => rmSync(folder, { recursive: true }));
  const [now, minute] = [1_800_000_000, 60];
  const empty = { cpu: 0, memory: 0, received: 0, sent: 0, read: 0, written: 0, top: [] };
  const kept = [now - minute, now + 500_000 * minute].map((at) => JSON.stringify({ at, ...empty }));
  writeFileSync(join(folder, "usage.jsonl"), `${kept.join("\n")}\n`);
  const history = openHistory(folder);
  for (const at of [now, now + 1, now + minute, now]) history.add(at * 1000, []);
  const times = (since: number) => history.read(since).map(({ at }) => at);
  assert.deepEqual(times(0), [now - minute, now]);
  history.add((now + minute) * 1000, []);
  assert.deepEqual(times(now), [now, now + minute]);
  assert.deepEqual(openHistory(folder).read(now + 2 * minute).length, 1, "nothing is lost of what was kept");
});
