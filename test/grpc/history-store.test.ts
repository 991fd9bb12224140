import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openHistoryStore } from "../../src/grpc/history-store.ts";
import { createLogger } from "../../src/logger.ts";

async function* nothing(): AsyncGenerator<never> {}

test("the history is whole from the first question on, whatever one record has come to", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "berth-history-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const logger = createLogger("silent");
  const store = openHistoryStore(folder, logger);
  for (const ref of ["a", "b", "c"]) await store.add({ ref }, nothing());
  const [first = ""] = readdirSync(folder).filter((name) => name.endsWith(".record"));
  writeFileSync(join(folder, first), Buffer.alloc(64, 0xff));
  const refs = (await openHistoryStore(folder, logger).list()).map(({ ref }) => ref);
  assert.equal(refs.length, 2);
  assert.ok(await openHistoryStore(folder, logger).find(refs[0] ?? ""));
  const other = openHistoryStore(folder, logger);
  await other.remove(refs[0] ?? "");
  assert.deepEqual(
    (await other.list()).map(({ ref }) => ref),
    refs.slice(1),
  );
});

test("a record that would not be read again is not written", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "berth-history-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const store = openHistoryStore(folder, createLogger("silent"));
  const frontendAttrs = new Map([["build-arg:A", "x".repeat(5 * 1024 * 1024)]]);
  await assert.rejects(store.add({ ref: "large", frontendAttrs }, nothing()), { kind: "invalid" });
  assert.deepEqual(readdirSync(folder), []);
});

test("what a killed engine has left in the history goes at the next start", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "berth-history-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const logger = createLogger("silent");
  await openHistoryStore(folder, logger).add({ ref: "a" }, nothing());
  const kept = readdirSync(folder).toSorted();
  for (const name of ["f".repeat(64), "0".repeat(64)])
    for (const ending of ["log", "record.new"]) writeFileSync(join(folder, `${name}.${ending}`), "half");
  const refs = (await openHistoryStore(folder, logger).list()).map(({ ref }) => ref);
  assert.deepEqual(refs, ["a"]);
  assert.deepEqual(readdirSync(folder).toSorted(), kept);
});

test("a build that cannot be written to the history leaves nothing there", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "berth-history-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const store = openHistoryStore(folder, createLogger("silent"));
  const hash = createHash("sha256").update("a").digest("hex");
  await store.list();
  mkdirSync(join(folder, `${hash}.record`));
  await assert.rejects(store.add({ ref: "a" }, nothing()), { code: "EISDIR" });
  assert.deepEqual(readdirSync(folder), [`${hash}.record`]);
});
