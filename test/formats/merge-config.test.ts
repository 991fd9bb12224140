import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { configShape } from "../../src/formats/docker-api/docker-api-config.ts";
import { mergeConfig } from "../../src/formats/merge-config.ts";
import { decode } from "../../src/formats/shape.ts";
import { applyChanges } from "../../src/images/changes.ts";

const merge = (config: object, base: object) => {
  const { Cmd, Entrypoint, Env } = mergeConfig(decode(configShape, config), base);
  return { Cmd, Entrypoint, Env };
};

describe("a config merged with its base", () => {
  const base = { Cmd: ["c"], Entrypoint: ["e"], Env: ["A=1", "B=2"] };

  it("takes over what it does not say, variable by variable", () => {
    assert.deepEqual(merge({}, base), base);
    assert.deepEqual(merge({ Cmd: null, Entrypoint: null, Env: null }, base), base);
    assert.deepEqual(merge({ Env: ["B=3"] }, base).Env, ["B=3", "A=1"]);
    assert.deepEqual(merge({ Cmd: ["own"] }, base), { ...base, Cmd: ["own"] });
  });

  it("takes no command from another entrypoint, and can be without one", () => {
    assert.deepEqual(merge({ Entrypoint: ["own"] }, base), { ...base, Entrypoint: ["own"], Cmd: null });
    assert.deepEqual(merge({ Entrypoint: [""] }, base), { ...base, Entrypoint: null, Cmd: null });
    assert.deepEqual(merge({ Entrypoint: [] }, base), { ...base, Entrypoint: null });
  });

  it("has its changes applied in order", () => {
    const change = (...lines: string[]) => applyChanges(base, lines);
    assert.deepEqual(change('ENTRYPOINT ["x"]'), { Entrypoint: ["x"], Env: base.Env });
    const both = { ...base, Entrypoint: ["x"], Cmd: ["/bin/sh", "-c", "y"] };
    assert.deepEqual(change("CMD y", 'ENTRYPOINT ["x"]'), both);
    assert.deepEqual(change("ENV C=$A$B").Env, ["A=1", "B=2", "C=12"]);
  });
});
