import assert from "node:assert/strict";
import { test } from "node:test";
import type { Step } from "../../src/build/graph/steps.ts";
import type { Solving } from "../../src/build/solve/solving.ts";
import { preferHistory } from "../../src/build/solve/take-history-layer.ts";

test("what a step has made is in use while the layer that an image has of it is fetched", async () => {
  const users = new Set<string>();
  const cache = {
    use({ id }: { id: string }) {
      users.add(id);
      return () => users.delete(id);
    },
  };
  let inUse: string[] = [];
  const layerBlobs = {
    async receive() {
      inUse = [...users];
      throw new Error("it is not there any more");
    },
  };
  const images = { layerBlobs, snapshots: { remove: async () => {} } };
  const solving = {
    rooms: { cache, images, live: new Set() },
    ...{ signal: new AbortController().signal, report: () => {} },
    history: { find: () => ({ diffId: "sha256:0", blob: {} }) },
  } as unknown as Solving;
  const made = {
    ...{ id: "made", key: "key", layers: ["chain"], description: "COPY a b", sizeBytes: 1 },
    ...{ createdAt: 0, lastUsedAt: 0, usageCount: 1 },
  };
  const node = { kind: "copy", name: "COPY a b" } as Step;
  assert.equal(await preferHistory(solving, node, { key: "key", below: [] }, made), made);
  assert.deepEqual(inUse, ["made"]);
  assert.equal(users.size, 0);
});
