import assert from "node:assert/strict";
import { join } from "node:path";
import { it } from "node:test";
import { createLogger } from "../../src/logger.ts";
import { openState } from "../../src/state/state.ts";
import { makeSmallDisk } from "../small-disk.ts";

it("says of a disk that is full at the end of a transaction what it says of one that is full at once", async () => {
  await using disk = makeSmallDisk(1);
  // Less than what is kept in memory until the end of a transaction, and more than the disk has room for.
  const state = openState(join(disk.path, "state.db"), createLogger("silent"));
  try {
    const records = state.records<string>({ name: "things", read: String });
    const fill = () =>
      state.transaction(() => {
        for (let key = 0; key < 12; key++) records.put(String(key), "x".repeat(100_000));
      });
    assert.throws(fill, { kind: "internal", message: /^no space left on device/ });
    assert.equal(records.load().size, 0);
  } finally {
    state.close();
  }
});
