import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { detach, mountLayers, mountOverlay } from "../../src/sys/mount.ts";

test("an overlay that is volatile can be mounted again, and shows what was written", () => {
  const root = mkdtempSync(join(tmpdir(), "berth-mount-"));
  const [lower, upper, work, target] = ["lower", "upper", "work", "target"].map((name) => {
    mkdirSync(join(root, name));
    return join(root, name);
  }) as [string, string, string, string];
  const overlay = { lower: [lower], upper, work, isVolatile: true };
  const optionsOf = () =>
    readFileSync("/proc/self/mountinfo", "utf8")
      .split("\n")
      .find((line) => line.includes(` ${target} `)) ?? "";
  try {
    writeFileSync(join(lower, "below"), "below");
    for (const name of ["first", "second"]) {
      mountOverlay(overlay, target);
      try {
        assert.match(optionsOf(), /volatile/);
        writeFileSync(join(target, name), name);
        assert.equal(readFileSync(join(target, "below"), "utf8"), "below");
      } finally {
        detach(target);
      }
    }
    assert.equal(readFileSync(join(upper, "first"), "utf8"), "first");
    assert.equal(readFileSync(join(upper, "second"), "utf8"), "second");
    const absent = { ...overlay, work: join(root, "absent") };
    assert.throws(() => mountOverlay(absent, target), { code: "ENOENT" });
  } finally {
    rmSync(root, { recursive: true });
  }
});

test("layers whose paths are longer together than a page are mounted all the same, and leave no descriptor open", () => {
  const root = mkdtempSync(join(tmpdir(), "berth-mount-"));
  const make = (name: string) => {
    mkdirSync(join(root, name));
    return join(root, name);
  };
  const lower = Array.from({ length: 128 }, (_, at) => make(`${"a-long-name-".repeat(8)}${at}`));
  const [upper, work, target] = ["upper", "work", "target"].map(make) as [string, string, string];
  const openCount = () => readdirSync("/proc/self/fd").length;
  const before = openCount();
  const check = (mountThem: () => void) => {
    mountThem();
    try {
      assert.equal(readdirSync(target).length, lower.length);
      assert.equal(readFileSync(join(target, "of-all"), "utf8"), "0", "the topmost one is seen");
    } finally {
      detach(target);
    }
  };
  try {
    for (const [at, layer] of lower.entries()) {
      writeFileSync(join(layer, "of-all"), String(at));
      if (at > 0) writeFileSync(join(layer, `of-${at}`), "");
    }
    check(() => mountOverlay({ lower, upper, work }, target));
    check(() => mountOverlay({ lower, upper, work, isVolatile: true }, target));
    check(() => mountLayers(lower, target));
    assert.equal(openCount(), before);
    const tooMany = Array.from({ length: 3 }, () => lower).flat();
    assert.throws(() => mountLayers(tooMany, target), { code: "E2BIG" });
    assert.equal(openCount(), before);
  } finally {
    rmSync(root, { recursive: true });
  }
});
