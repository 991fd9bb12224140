import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { clearStubs, findStubs } from "../../src/build/solve/stubs.ts";

test("places for mounts are cleared away, and not through links that a command has put on the way", () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-stubs-"));
  const [lower, upper] = [join(folder, "lower"), join(folder, "upper")];
  try {
    mkdirSync(join(lower, "build"), { recursive: true });
    const stubs = findStubs([lower], ["/build/x/cache", "/plain/cache"]);
    mkdirSync(join(upper, "plain/cache"), { recursive: true });
    mkdirSync(join(upper, "src/x/cache"), { recursive: true });
    for (const target of ["/src", "src", "../upper/src", "/nowhere", "build"]) {
      symlinkSync(target, join(upper, "build"));
      clearStubs(upper, [lower], stubs);
      assert.equal(existsSync(join(upper, "plain")), false, target);
      rmSync(join(upper, "build"));
    }
    assert.ok(existsSync(join(upper, "src")));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
