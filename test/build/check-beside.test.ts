import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { type CacheMounts, openCacheMounts } from "../../src/build/cache/cache-mounts.ts";
import { checkBuilder } from "../../src/build/check.ts";
import type { SolveRooms } from "../../src/build/solve/solving.ts";
import { createLogger } from "../../src/logger.ts";
import { openState } from "../../src/state/state.ts";

test("a cache mount that a step gets while the builder is checked is none without a record", async () => {
  const root = mkdtempSync(join(tmpdir(), "berth-check-"));
  const state = openState(join(root, "state.db"), createLogger("silent"));
  try {
    for (const name of ["folders", "contexts"]) mkdirSync(join(root, "build", name), { recursive: true });
    const mounts = openCacheMounts(join(root, "build/mounts"), state, async () => {});
    const begun: Promise<unknown>[] = [];
    const begin = () => begun.push(mounts.add(`npm-${begun.length}`, false, async () => {}));
    /** Another one comes with each question. */
    const asked: CacheMounts = {
      ...mounts,
      folderNames() {
        const names = mounts.folderNames();
        begin();
        return names;
      },
      list() {
        const list = mounts.list();
        begin();
        return list;
      },
    };
    const none = { names: () => new Set<string>(), folderNames: () => new Set<string>(), list: () => [] };
    const rooms = {
      ...{ root, cache: none, folders: none, contexts: none, cacheMounts: asked, live: new Set() },
      images: { snapshots: { names: () => [] } },
    };
    for (let round = 0; round < 3; round++) {
      const findings = await checkBuilder(rooms as unknown as SolveRooms);
      const told = findings.map(({ subject, problem }) => `${subject}: ${problem}`);
      assert.deepEqual(told, []);
    }
    await Promise.all(begun);
    assert.equal(mounts.list().length, 6);
  } finally {
    state.close();
    rmSync(root, { recursive: true });
  }
});
