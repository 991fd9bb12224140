import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { eventually, output, startEngine } from "../engine.ts";

it("stays up on a full disk, says so, leaves nothing half-made, and goes on once there is room", async () => {
  const folder = mkdtempSync(join(tmpdir(), "full-"));
  const root = join(folder, "data");
  mkdirSync(root);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=48m", "tmpfs", root]);
  const freeBytes = () => statfsSync(root).bavail * statfsSync(root).bsize;
  try {
    const engine = await startEngine(["--data-root", root]);
    try {
      const berth = (...words: string[]) => output(engine.berth, words);
      await berth("image", "make", "busybox");
      await berth("save", "-o", `${folder}/busybox.tar`, "busybox");
      await berth("run", "--name", "big", "busybox", "sh", "-c", "head -c 8000000 /dev/urandom > /big");
      await berth(
        "run",
        "-d",
        "--name",
        "chatty",
        "busybox",
        "sh",
        "-c",
        "while :; do echo line; sleep 0.05; done",
      );
      writeFileSync(join(root, "ballast"), Buffer.alloc(freeBytes() - 5_000_000));
      const before = freeBytes();

      const commit = await engine.berth(["commit", "big", "copy"]);
      assert.notEqual(commit.code, 0);
      assert.match(commit.stderr, /no space left on device/i);
      await berth("tag", "busybox", "other");
      const script = "dd if=/dev/zero of=/fill bs=64k 2>&1; echo full; sleep 1000";
      await berth("run", "-d", "--name", "filler", "busybox", "sh", "-c", script);
      await eventually(freeBytes, (bytes) => bytes === 0);
      const run = await engine.berth(["run", "--rm", "busybox", "true"]);
      assert.ok(run.code === 0 || (run.code === 125 && /no space left|full/i.test(run.stderr)), run.stderr);
      assert.match(await berth("ps"), /chatty/, "the engine answers and containers run on");
      await berth("rm", "-f", "filler");
      const load = await engine.berth(["load", "-i", `${folder}/busybox.tar`]);
      assert.equal(load.code, 0, load.stderr);
      assert.ok(
        Math.abs(freeBytes() - before) < 600_000,
        `nothing half-made stays: ${before} bytes free before, ${freeBytes()} after`,
      );
      assert.doesNotMatch(await berth("images"), /copy/);

      rmSync(join(root, "ballast"));
      await berth("commit", "big", "copy");
      assert.equal(await berth("run", "--rm", "copy", "stat", "-c", "%s", "/big"), "8000000");
      await berth("rm", "-f", "big", "chatty");
      await berth("rmi", "copy", "other");
    } finally {
      await engine.stop(/no space left on device/i);
    }
  } finally {
    execFileSync("umount", [root]);
    rmSync(folder, { recursive: true });
  }
});
