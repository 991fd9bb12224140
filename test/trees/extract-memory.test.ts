import assert from "node:assert/strict";
import { test } from "node:test";
import { createNameMemory } from "../../src/trees/extract-memory.ts";

test("an archive may have a million directories, and not any number of long names", () => {
  const memory = createNameMemory();
  for (let n = 0; n < 1_000_000; n++) memory.take(60);
  const refused = { kind: "invalid", message: "invalid archive: too many directories or deletions" };
  assert.throws(() => {
    for (let n = 0; n < 10_000; n++) memory.take(16_000);
  }, refused);
});
