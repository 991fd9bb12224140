import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, it } from "node:test";
import { openCacheMounts } from "../../src/build/cache/cache-mounts.ts";
import { cacheKind } from "../../src/build/cache/record.ts";
import { openStepCache, snapshotOf } from "../../src/build/cache/step-cache.ts";
import { placeStep } from "../../src/build/solve/place-step.ts";
import type { Solving } from "../../src/build/solve/solving.ts";
import { internal } from "../../src/errors.ts";
import type { Snapshots } from "../../src/images/store/snapshots.ts";
import { createLogger } from "../../src/logger.ts";
import { openState, type State } from "../../src/state/state.ts";

let folder: string;
let stored: State;
let isFull: boolean;
/** What is put or deleted at once is refused while the disk is full; what can wait is stored. */
let state: State;
const refuse = () => {
  if (isFull) throw internal("no space left on device: the engine's state could not be stored");
};
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "berth-full-cache-"));
  stored = openState(join(folder, "state.db"), createLogger("silent"));
  isFull = false;
  state = {
    ...stored,
    records(kind) {
      const records = stored.records(kind);
      return {
        ...records,
        put(key, value) {
          refuse();
          records.put(key, value);
        },
        delete(key) {
          refuse();
          records.delete(key);
        },
      };
    },
  };
});
afterEach(() => {
  stored.close();
  rmSync(folder, { recursive: true });
});

const made = { id: "one", key: "key", layers: ["chain"], description: "RUN true", sizeBytes: 1 };

function openCache() {
  const removed: string[] = [];
  const snapshots = { names: () => [], remove: async (name: string) => void removed.push(name) };
  return { cache: openStepCache(state, snapshots as unknown as Snapshots), removed };
}

it("a step's layer that cannot be stored is not in the cache: its maker removes it", () => {
  const { cache } = openCache();
  isFull = true;
  assert.throws(() => cache.add(made), { kind: "internal" });
  assert.equal(cache.find("key", ""), undefined);
  assert.deepEqual(cache.list(), []);
});

it("a step is found on a full disk, and removed from it", async () => {
  const { cache, removed } = openCache();
  cache.add(made);
  isFull = true;
  assert.equal(cache.find("key", "")?.usageCount, 2);
  assert.equal(await cache.remove("one"), true);
  assert.deepEqual(removed, [snapshotOf("one")]);
});

it("a layer that is put on another base does not stay when it cannot be stored", async () => {
  const { cache, removed } = openCache();
  const below = cache.add({ ...made, layers: ["below", "chain"] });
  const placed: string[] = [];
  const layerBlobs = {
    diffIdOf: () => "sha256:0",
    place: async (name: string) => {
      placed.push(name);
      return ["other", "chain"];
    },
  };
  const snapshots = { remove: async (name: string) => void removed.push(name) };
  const rooms = { cache, live: new Set(), images: { layerBlobs, snapshots } };
  const signal = new AbortController().signal;
  const solving = { rooms, signal, report: () => {} } as unknown as Solving;
  isFull = true;
  const wanted = { key: "key", below: ["other"], isLinked: true, name: "COPY --link a b" };
  assert.equal(await placeStep(solving, below, wanted), undefined);
  assert.equal(placed.length, 1);
  assert.deepEqual(removed, placed);
  assert.equal(cache.isInUse("one"), false);
});

it("a step is found by its further keys, of which the newest count, until it is removed", async () => {
  const { cache } = openCache();
  const record = cache.add(made);
  isFull = true;
  for (let number = 0; number < 20; number++) cache.addKey(record, `key-${number % 17}`);
  const found = Array.from({ length: 17 }, (_, number) => cache.find(`key-${number}`, "") === record);
  // The 17th has taken the place of the first, and that one, said again, of the next.
  assert.equal(found.filter(Boolean).length, 16);
  assert.equal(cache.find("key", ""), record);
  const [stored] = state.records(cacheKind).load().values();
  assert.deepEqual(stored?.moreKeys, record.moreKeys);
  assert.equal(await cache.remove("one"), true);
  for (const key of ["key", ...(record.moreKeys ?? [])]) assert.equal(cache.find(key, ""), undefined);
  cache.addKey(record, "late");
  assert.equal(cache.find("late", ""), undefined);
});

const openMounts = () => openCacheMounts(join(folder, "mounts"), state, async () => {});

it("a cache mount is removed from a full disk", async () => {
  const mounts = openMounts();
  const { id } = await mounts.add("npm", false, async () => {});
  isFull = true;
  assert.equal(await mounts.remove(id), true);
  assert.equal(existsSync(join(folder, "mounts", id)), false);
});

it("a cache mount stays when the one that is to replace it cannot be stored", async () => {
  const mounts = openMounts();
  const fill = (text: string) => async (path: string) => writeFileSync(join(path, "file"), text);
  const { id } = await mounts.add("npm", false, fill("old"));
  isFull = true;
  await assert.rejects(mounts.add("npm", true, fill("new")), { kind: "internal" });
  assert.deepEqual(
    mounts.list().map((one) => one.id),
    [id],
  );
  assert.deepEqual(readdirSync(join(folder, "mounts")), [id]);
  isFull = false;
  const next = await mounts.add("npm", true, fill("new"));
  assert.deepEqual(readdirSync(join(folder, "mounts")), [next.id]);
});
