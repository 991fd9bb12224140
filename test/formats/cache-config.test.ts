import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { layersOfResult, parseCacheConfig, parseInlineCache } from "../../src/formats/cache-config.ts";
import type { Digest } from "../../src/formats/digest.ts";
import { cacheDocument } from "../fuzz/cache-config.ts";

const digest = (digit: string) => `sha256:${digit.repeat(64)}` as Digest;
const parse = (document: object) => parseCacheConfig(JSON.stringify(document));
const refused = (document: object, why: RegExp) => assert.throws(() => parse(document), { message: why });

describe("the config of a build cache", () => {
  it("says which layers a record stands for", () => {
    const config = parse(cacheDocument);
    const [, second, third, fourth] = config.records.map(({ results }) => results[0]!);
    assert.deepEqual(layersOfResult(config, second!), [0, 1, 2]);
    assert.equal(second!.createdAt, Date.UTC(2026, 0, 2, 3, 4, 5, 678));
    assert.deepEqual([layersOfResult(config, third!), third!.createdAt], [[0], undefined]);
    assert.deepEqual(layersOfResult(config, fourth!), [0, 3]);
    const inline = parseInlineCache(`[{"digest":"${digest("1")}","layers":[{"layer":1}]}]`, [
      digest("a"),
      digest("b"),
    ]);
    assert.deepEqual(layersOfResult(inline, inline.records[0]!.results[0]!), [0, 1]);
  });

  it("dates nothing later than now, nor as no document can say it", () => {
    const dateOf = (createdAt: unknown) => {
      const config = parse({
        layers: [{ blob: digest("a"), parent: -1 }],
        records: [{ digest: digest("1"), layers: [{ layer: 0, createdAt }] }],
      });
      return config.records[0]!.results[0]!.createdAt;
    };
    for (const future of ["+275760-09-13T00:00:00Z", "2999-01-01T00:00:00Z"]) {
      const before = Date.now();
      const date = dateOf(future) ?? 0;
      assert.ok(date >= before && date <= Date.now(), future);
    }
    assert.equal(dateOf("2026-01-02T03:04:05.678Z"), Date.UTC(2026, 0, 2, 3, 4, 5, 678));
    for (const none of ["0001-01-01T00:00:00Z", "-271821-04-20T00:00:00Z", "yesterday", 5, null, undefined])
      assert.equal(dateOf(none), undefined, String(none));
  });

  it("leads nowhere but to what is in it, and in no circle", () => {
    const layer = { blob: digest("a"), parent: -1 };
    refused({ layers: [{ ...layer, parent: 0 }] }, /round in a circle/);
    refused(
      {
        layers: [
          { ...layer, parent: 1 },
          { ...layer, parent: 0 },
        ],
      },
      /round in a circle/,
    );
    refused({ layers: [{ ...layer, parent: 7 }] }, /stands on one that is not there/);
    refused({ layers: [{ ...layer, parent: -2 }] }, /stands on one that is not there/);
    const record = { digest: digest("1") };
    refused({ records: [{ ...record, layers: [{ layer: 0 }] }] }, /layer that is not there/);
    refused({ layers: [layer], records: [{ ...record, chains: [{ layers: [0, -1] }] }] }, /not there/);
    refused({ records: [{ ...record, inputs: [[{ link: 1 }]] }] }, /one that is not there/);
    refused({ records: [{ ...record, inputs: [[{ link: 0 }]] }] }, /records go round in a circle/);
    const [a, b] = [1, 0].map((link) => ({ ...record, inputs: [[{ link }]] }));
    refused({ records: [a, b] }, /records go round in a circle/);
  });

  it("is of its types and of a size that can be read", () => {
    refused({ layers: {} }, /layers is not a list/);
    refused({ layers: [{ blob: "md5:1" }] }, /no sha256 digest/);
    refused({ records: [{ digest: 5 }] }, /no sha256 digest/);
    refused({ records: [{ digest: digest("1"), layers: [{ layer: "0" }] }] }, /should be a number/);
    refused({ records: [7] }, /a record is not an object/);
    assert.throws(() => parseCacheConfig("[]"), /not a JSON object/);
    assert.throws(
      () => parseInlineCache('[],"layers":[]', []) && parseInlineCache("{", []),
      /invalid cache config/,
    );
    const many = (count: number) =>
      Array.from({ length: count }, (_, at) => ({ blob: digest("a"), parent: at - 1 }));
    refused({ layers: many(600) }, /too deep/);
    refused({ layers: many(10_001) }, /more than 10000/);
    const records = Array.from({ length: 50_001 }, () => 0);
    refused({ records }, /more than 50000/);
    const chain = Array.from({ length: 20_000 }, (_, at) => ({
      digest: digest("1"),
      inputs: at < 19_999 ? [[{ link: at + 1 }]] : [],
    }));
    assert.equal(parse({ records: chain }).records.length, 20_000);
  });
});
