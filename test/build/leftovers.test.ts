import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readPacking } from "../../src/build/export/compression.ts";
import { takeStep } from "../../src/build/remote-cache/take-step.ts";
import { findInHistory } from "../../src/build/solve/take-history-layer.ts";
import { digestOf } from "../../src/formats/digest.ts";
import { mediaTypes } from "../../src/formats/oci-manifest.ts";

const digest = digestOf("layer");
const blob = { mediaType: mediaTypes.gzipLayer, digest, size: 1 };

/** A build on an engine whose cache takes nothing. */
function fullCache(isCancelled: boolean) {
  const snapshots = new Set<string>();
  const live = new Set<string>();
  const cancel = new AbortController();
  const solving = {
    rooms: {
      live,
      images: {
        layerBlobs: {
          async receive(name: string) {
            snapshots.add(name);
            return { layers: [digest], sizeBytes: 1 };
          },
        },
        snapshots: { remove: async (name: string) => void snapshots.delete(name) },
      },
      cache: {
        add() {
          if (isCancelled) cancel.abort(new Error("cancelled"));
          throw new Error("no space left on device");
        },
      },
    },
    signal: cancel.signal,
    report: () => {},
    history: { find: () => ({ diffId: digest, blob }) },
  };
  return { solving: solving as never, snapshots, live };
}

describe("a layer that came and cannot be taken into the cache", () => {
  const wanted = { key: "key", below: [], isLinked: false, name: "RUN x" };
  const ways = {
    "of a cache elsewhere": (solving: never) =>
      takeStep(solving, { chain: [{ diffId: digest, blob }], places: [] } as never, wanted),
    "of an image's history": (solving: never) =>
      findInHistory(solving, { kind: "run", name: "RUN x" } as never, { key: "key", below: [] }),
  };
  for (const [name, take] of Object.entries(ways))
    it(`leaves no snapshot: ${name}`, async () => {
      const failed = fullCache(false);
      assert.equal(await take(failed.solving), undefined);
      const cancelled = fullCache(true);
      await assert.rejects(take(cancelled.solving), /cancelled/);
      for (const { snapshots, live } of [failed, cancelled]) assert.equal(snapshots.size + live.size, 0);
    });
});

describe("a level of compression", () => {
  it("is at most one that takes little memory", () => {
    const levelOf = (type: string, level: string) => {
      const packing = readPacking(
        new Map([
          ["compression", type],
          ["compression-level", level],
        ]),
      );
      return packing && "level" in packing ? packing.level : undefined;
    };
    assert.deepEqual(
      ["3", "19", "20", "22"].map((level) => levelOf("zstd", level)),
      [3, 19, 19, 19],
    );
    assert.equal(levelOf("gzip", "9"), 9);
    assert.throws(() => levelOf("zstd", "23"), /0 to 22/);
  });
});
