import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";

it("private mounts, where the root is no mount point, fail with their cause and leave the paths as they were", () => {
  const folder = mkdtempSync(join(tmpdir(), "bt-root-"));
  try {
    writeFileSync(join(folder, "marker"), "");
    const words = [join(import.meta.dirname, "chrooted.ts"), folder];
    const seen = execFileSync(process.execPath, words, { encoding: "utf8" });
    assert.deepEqual(JSON.parse(seen), { failure: "mount /: EINVAL", isHome: true });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
