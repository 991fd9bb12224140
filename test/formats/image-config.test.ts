import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf } from "../../src/formats/digest.ts";
import { parseImageConfig } from "../../src/formats/image-config.ts";

const rootfs = { type: "layers", diff_ids: [digestOf("a")] };
const parse = (value: object) =>
  parseImageConfig(JSON.stringify({ architecture: "amd64", os: "linux", rootfs, ...value }));

test("a config is read with what a container is made from", () => {
  const config = { Env: ["A=1"], Labels: { a: "b" }, Volumes: { "/v": {} } };
  const image = parse({
    config: { ...config, Cmd: null, Custom: 5, user: "in another case" },
    history: [{ created_by: "x", empty_layer: true }, null, { comment: null }],
    created: "2024-01-01T00:00:00Z",
  });
  assert.deepEqual(image.config, { ...config, User: "in another case" });
  assert.deepEqual(image.history, [{ created_by: "x", empty_layer: true }, {}, {}]);
  assert.deepEqual(image.rootfs, rootfs);
});

test("what is missing gets its default, and null is nothing", () => {
  const image = parseImageConfig(JSON.stringify({ rootfs: { diff_ids: null }, config: null, history: null }));
  assert.deepEqual(image, { architecture: "", os: "linux", rootfs: { type: "layers", diff_ids: [] } });
});

test("a config with wrong types is refused", () => {
  const wrong: object[] = [
    { rootfs: null },
    { rootfs: { diff_ids: "x" } },
    { rootfs: { diff_ids: ["sha256:1"] } },
    { rootfs: { diff_ids: ["../../etc"] } },
    { config: [] },
    { config: { Env: "A=1" } },
    { config: { Cmd: [1] } },
    { config: { Labels: { a: 1 } } },
    { config: { Labels: ["a"] } },
    { config: { User: 0 } },
    { history: {} },
    { history: [5] },
    { history: [{ comment: 5 }] },
    { config: { ExposedPorts: { "80/tcp": 5 } } },
    { config: { Healthcheck: { Test: "x" } } },
    { config: { Env: Array(20_000).fill("A=1") } },
    { rootfs: { diff_ids: Array(2000).fill(rootfs.diff_ids[0]) } },
    { created: 5 },
  ];
  for (const value of wrong) assert.throws(() => parse(value), { kind: "invalid" }, JSON.stringify(value));
  for (const text of ["", "[]", "null", "{", '"x"'])
    assert.throws(() => parseImageConfig(text), { kind: "invalid" }, text);
});
