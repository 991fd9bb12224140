import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { spreadSubdirectories } from "../../src/sys/spread-directories.ts";

const flagsOf = (path: string) =>
  execFileSync("lsattr", ["-d", path], { encoding: "utf8" }).split(" ")[0] ?? "";

test("subdirectories are spread where the file system can, and other flags of the directory stay", (context) => {
  const folder = mkdtempSync(join(tmpdir(), "berth-spread-"));
  try {
    if (!spreadSubdirectories(folder)) return context.diagnostic("this file system knows no such thing");
    assert.match(flagsOf(folder), /T/);
    execFileSync("chattr", ["-T", "+d", folder]);
    assert.equal(spreadSubdirectories(folder), true);
    assert.equal(spreadSubdirectories(folder), true);
    assert.match(flagsOf(folder), /d.*T/);
    const child = join(folder, "child");
    mkdirSync(child);
    assert.doesNotMatch(flagsOf(child), /T/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("where there is no such thing nothing happens, and what is no directory is an error", () => {
  assert.equal(spreadSubdirectories("/proc"), false);
  assert.equal(spreadSubdirectories("/dev/shm"), false);
  assert.throws(() => spreadSubdirectories("/proc/self/status"), { code: "ENOTDIR" });
  assert.throws(() => spreadSubdirectories("/nonexistent"), { code: "ENOENT" });
});
