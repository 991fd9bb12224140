import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { fstatSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { closeDescriptor } from "../../src/sys/safe-path.ts";
import { isLocalPath, openRootPart, openSubpath } from "../../src/volumes/subpath.ts";

test("a part of a volume is named by a path that stays below", () => {
  for (const path of ["a", "a/b", ".", "a/..", "./a//b/", "a/../b"]) assert.ok(isLocalPath(path), path);
  for (const path of ["", "/", "/a", "..", "a/../..", "../a", "a\0"]) assert.ok(!isLocalPath(path), path);
});

test("a link in the root of a file system leads where it leads a process in there, and never outside", () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-root-"));
  const root = join(folder, "root");
  try {
    mkdirSync(join(root, "run/inner"), { recursive: true });
    mkdirSync(join(folder, "secret"));
    const links = {
      var: "/run",
      above: "../../run",
      out: folder,
      self: "/proc/self/root",
      away: "../secret",
    };
    for (const [name, target] of Object.entries(links)) symlinkSync(target, join(root, name));
    const inner = statSync(join(root, "run/inner")).ino;
    for (const path of [
      "run/inner",
      "/run/inner",
      "var/inner",
      "above/inner",
      "../run/inner",
      "var/../var/inner",
    ]) {
      const { fd, isDirectory } = openRootPart(root, path);
      assert.deepEqual([fstatSync(fd).ino, isDirectory], [inner, true], path);
      closeDescriptor(fd);
    }
    for (const path of ["out/secret", "self/etc", "away", "../secret"])
      assert.throws(() => openRootPart(root, path), { message: /no such file or directory$/ }, path);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a part that is swapped for a link to the outside all the while is never opened there", async () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-swap-"));
  const base = join(folder, "volume");
  mkdirSync(join(base, "part/inner"), { recursive: true });
  mkdirSync(join(folder, "secret/inner"), { recursive: true });
  symlinkSync("../secret", join(base, "link"));
  const swap = "while :; do mv -T part away; mv -T link part; mv -T part link; mv -T away part; done";
  const swapper = spawn("sh", ["-c", swap], { cwd: base, stdio: "ignore" });
  try {
    const outside = [folder, join(folder, "secret"), join(folder, "secret/inner")].map(
      (path) => statSync(path).ino,
    );
    const outcomes = { opened: 0, refused: 0 };
    for (const end = Date.now() + 1500; Date.now() < end; ) {
      for (const path of ["part", "part/inner"]) {
        try {
          const fd = openSubpath(base, path);
          assert.ok(!outside.includes(fstatSync(fd).ino));
          closeDescriptor(fd);
          outcomes.opened++;
        } catch (error) {
          assert.match(String(error), /escapes the base directory|no such file or directory/);
          outcomes.refused++;
        }
      }
      await new Promise(setImmediate);
    }
    assert.ok(outcomes.opened > 0 && outcomes.refused > 0, JSON.stringify(outcomes));
  } finally {
    swapper.kill("SIGKILL");
    rmSync(folder, { recursive: true });
  }
});
