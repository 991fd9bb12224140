import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { detach, mountOverlay } from "../../src/sys/mount.ts";

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
