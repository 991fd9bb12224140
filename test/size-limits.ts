import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { output, startEngine, type TestEngine } from "./engine.ts";
import { makeLoopDevice } from "./loop-device.ts";
import { unmount } from "./small-disk.ts";

/** An engine whose data is on a file system of its own. @returns false when the kernel cannot mount it so */
export async function withEngineOn(
  make: string[],
  options: string,
  work: (engine: TestEngine) => Promise<void>,
): Promise<boolean> {
  await using device = makeLoopDevice(500);
  const [program = "", ...flags] = make;
  execFileSync(program, [...flags, device.path], { stdio: "ignore" });
  const usual = process.env.TMPDIR;
  const path = mkdtempSync(join(tmpdir(), "berth-sized-"));
  if (spawnSync("mount", ["-o", options, device.path, path]).status !== 0) {
    rmdirSync(path);
    return false;
  }
  try {
    process.env.TMPDIR = path;
    const engine = await startEngine();
    try {
      await output(engine.berth, ["image", "make", "busybox"]);
      await work(engine);
    } finally {
      await engine.stop();
    }
  } finally {
    if (usual === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = usual;
    await unmount(path);
    rmdirSync(path);
  }
  return true;
}

const dd = (place: string, megabytes: number) =>
  `dd if=/dev/zero of=${place} bs=1M count=${megabytes} conv=fsync 2>&1 || true`;

/** `--storage-opt size` where the file system has project quotas. */
export async function checkSizeLimits(engine: TestEngine): Promise<void> {
  const berth = (...words: string[]) => output(engine.berth, words);
  const run = (script: string, ...flags: string[]) =>
    berth("run", "--rm", ...flags, "busybox", "sh", "-c", script);
  const size = ["--storage-opt", "size=10M"];
  assert.doesNotMatch(await run(dd("/fits", 9), ...size), /No space|quota/i);
  assert.match(await run(dd("/more", 12), ...size), /No space left on device|quota exceeded/i);
  // Neither a volume nor another container counts.
  assert.doesNotMatch(await run(dd("/data/more", 20), ...size, "-v", "data:/data"), /No space|quota/i);
  assert.doesNotMatch(await run(dd("/more", 20)), /No space|quota/i);
  // It holds over a restart, for all that has been written.
  await berth(
    "run",
    "--name",
    "kept",
    ...size,
    "busybox",
    "sh",
    "-c",
    `echo x >> /etc/passwd; ${dd("/f$$", 6)}; rm -f /none`,
  );
  await berth("start", "-a", "kept");
  const used = Number(await berth("inspect", "-s", "-f", "{{.SizeRw}}", "kept"));
  assert.ok(used > 5_000_000 && used < 10.5 * 1024 * 1024, String(used));
  await berth("commit", "kept", "of-kept");
  assert.equal(await berth("inspect", "-f", "{{.HostConfig.StorageOpt.size}}", "kept"), "10M");
  await berth("rm", "kept");
}

export const quotaFileSystems = {
  xfs: ["mkfs.xfs", "-q"],
  ext4: ["mkfs.ext4", "-q", "-O", "quota,project", "-E", "quotatype=prjquota"],
} as const;
