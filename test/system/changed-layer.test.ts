import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { output, startEngine } from "../engine.ts";

test("a layer that has changed on the disk is saved by no command, the check names it, and a new one is as good as ever", async () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-changed-"));
  const root = join(folder, "data");
  const engine = await startEngine(["--data-root", root]);
  try {
    await output(engine.berth, ["image", "make", "busybox"]);
    const archive = join(folder, "saved.tar");
    await output(engine.berth, ["save", "-o", archive, "busybox"]);
    const { size } = statSync(archive);
    rmSync(archive);
    assert.equal(readdirSync(join(root, "blobs/frames")).length, 1);
    const layer = readdirSync(join(root, "layers")).find((name) => name !== "0") ?? "";
    writeFileSync(join(root, "layers", layer, "etc/passwd"), "root::0:0:::\n");
    const { code } = await engine.berth(["save", "-o", archive, "busybox"]);
    assert.notEqual(code, 0);
    assert.equal(existsSync(archive), false, "nothing half-made is left");
    const { stdout } = await engine.berth(["system", "check"]);
    assert.match(stdout, /layer sha256:[0-9a-f]{64} has changed on the disk/);
    await output(engine.berth, ["rmi", "busybox"]);
    await output(engine.berth, ["image", "make", "busybox"]);
    await output(engine.berth, ["save", "-o", archive, "busybox"]);
    assert.equal(statSync(archive).size, size);
  } finally {
    await engine.stop(/has changed on the disk.*sending an archive failed/);
    rmSync(folder, { recursive: true });
  }
});
