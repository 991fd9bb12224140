import assert from "node:assert/strict";
import { it } from "node:test";
import { pruneRecords } from "../../src/build/cache/prune.ts";
import type { PruneRequest } from "../../src/build/cache/prune-request.ts";
import type { UsageRecord } from "../../src/build/cache/usage.ts";
import type { SolveRooms } from "../../src/build/solve/solving.ts";

const everything: PruneRequest = {
  ...{ filters: [], all: true, keepMilliseconds: 0 },
  ...{ reservedBytes: 0, maxUsedBytes: 0, minFreeBytes: 0 },
};

/** The earlier in a list, the longer ago it was used. */
const record = (id: string, more: Partial<UsageRecord> = {}): UsageRecord => ({
  ...{ id, type: "regular", isMutable: false, inUse: false, isShared: false, sizeBytes: 10 },
  ...{ createdAt: 0, lastUsedAt: 0, usageCount: 1, description: "", parents: [] },
  ...more,
});

async function prune(all: UsageRecord[], request: Partial<PruneRequest>, stuck: string[] = []) {
  const warnings: unknown[] = [];
  const remove = async (id: string) => {
    if (stuck.includes(id)) throw new Error("EIO: i/o error");
    return true;
  };
  const rooms = { root: "/", cache: { remove }, logger: { warn: (about: unknown) => warnings.push(about) } };
  const gone = await pruneRecords(rooms as unknown as SolveRooms, all, { ...everything, ...request });
  return { gone: gone.map(({ id }) => id), warnings };
}

it("one record that cannot be removed keeps none of the others", async () => {
  const all = [record("base"), record("stuck", { parents: ["base"] }), record("other"), record("last")];
  const { gone, warnings } = await prune(all, {}, ["stuck"]);
  assert.deepEqual(gone, ["other", "last"]);
  assert.ok(warnings.length > 0);
});

it("what an image has too counts as nothing that the cache uses", async () => {
  const all = [
    record("shared", { isShared: true, sizeBytes: 1000 }),
    ...["one", "two", "three"].map((id) => record(id)),
  ];
  assert.deepEqual((await prune(all, { all: false, maxUsedBytes: 30 })).gone, []);
  assert.deepEqual((await prune(all, { all: false, maxUsedBytes: 25 })).gone, ["one"]);
  assert.deepEqual((await prune(all, { all: false, reservedBytes: 30 })).gone, []);
  // To remove it makes no room.
  assert.deepEqual((await prune(all, { maxUsedBytes: 25 })).gone, ["shared", "one"]);
});
