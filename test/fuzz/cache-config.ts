import assert from "node:assert/strict";
import {
  formatCacheConfig,
  formatInlineCache,
  layersOfResult,
  parseCacheConfig,
  parseInlineCache,
} from "../../src/formats/cache-config.ts";
import type { Digest } from "../../src/formats/digest.ts";
import { mutateJson } from "./mutate.ts";
import type { Target } from "./target.ts";

const digest = (digit: string) => `sha256:${digit.repeat(64)}` as Digest;

/** As BuildKit writes one. */
export const cacheDocument = {
  layers: [
    { blob: digest("a"), parent: -1 },
    { blob: digest("b") },
    { blob: digest("c"), parent: 1 },
    { blob: digest("d"), parent: -1, annotations: { mediaType: "x", size: 1 } },
  ],
  records: [
    { digest: digest("1") },
    {
      digest: digest("2"),
      inputs: [[{ link: 0 }, { link: 4, selector: "sha256:x" }], [{ selector: "/", link: 3 }]],
      layers: [{ layer: 2, createdAt: "2026-01-02T03:04:05.678Z" }],
    },
    { digest: digest("3"), layers: [{ createdAt: "0001-01-01T00:00:00Z" }] },
    { digest: digest("4"), chains: [{ layers: [0, 3], createdAt: "2026-01-02T03:04:05Z" }] },
    { digest: digest("5"), inputs: [[{ link: 2 }]] },
  ],
};
const blobs = ["a", "b", "c", "d"].map(digest);

/** Build caches as registries, directories and images give them. */
export const cacheConfig: Target = {
  name: "cache-config",
  smallCount: 20_000,
  mostMilliseconds: 50,
  open: () => ({
    attempt(random) {
      const isInline = random.next() < 0.4;
      const config = isInline
        ? parseInlineCache(mutateJson(random, cacheDocument.records), blobs)
        : parseCacheConfig(mutateJson(random, cacheDocument));
      for (const { results } of config.records) {
        for (const result of results) {
          const chain = layersOfResult(config, result);
          assert.ok(chain.length <= 500);
          for (const number of chain) assert.ok(config.layers[number], "a layer that is not there");
        }
      }
      const again = isInline
        ? parseInlineCache(formatInlineCache(config.records), blobs)
        : parseCacheConfig(formatCacheConfig(config));
      assert.deepEqual(again, config);
    },
  }),
};
