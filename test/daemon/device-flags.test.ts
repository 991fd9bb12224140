import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readCdiDirectories, usesBuildKit } from "../../src/daemon/device-flags.ts";

const read = (given: Record<string, string[]>) => readCdiDirectories((name) => given[name] ?? []);

describe("where vendors describe devices", () => {
  it("is the usual place, another, or nowhere", () => {
    assert.equal(read({}), undefined);
    assert.deepEqual(read({ "cdi-spec-dir": ["/a", "/b"] }), ["/a", "/b"]);
    assert.deepEqual(read({ "cdi-spec-dir": [""] }), []);
    assert.deepEqual(read({ "cdi-spec-dir": ["/a"], feature: ["cdi=false"] }), []);
    assert.deepEqual(read({ "cdi-spec-dir": ["/a"], feature: ["cdi=false", "cdi"] }), ["/a"]);
    assert.throws(() => read({ "cdi-spec-dir": ["a"] }), /it is not an absolute path/);
  });

  it("may be switched off among the features", () => {
    assert.deepEqual(read({ feature: ["cdi=false", "buildkit=true"] }), []);
    const builds = (...feature: string[]) => usesBuildKit((name) => (name === "feature" ? feature : []));
    assert.deepEqual([builds(), builds("buildkit"), builds("buildkit=false", "cdi")], [true, true, false]);
    assert.throws(() => read({ feature: ["bogus=true"] }), /unknown feature "bogus": there are cdi, /);
    assert.throws(() => read({ feature: ["cdi=maybe"] }), /invalid value "maybe" for feature "cdi"/);
  });
});
