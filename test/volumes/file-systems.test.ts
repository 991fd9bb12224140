import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import fs, { existsSync, mkdtempSync, rmdirSync, statfsSync, writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { mock, test } from "node:test";
import { createEvents } from "../../src/events/events.ts";
import { createLogger } from "../../src/logger.ts";
import { openState } from "../../src/state/state.ts";
import { createVolumes, type Volumes } from "../../src/volumes/volumes.ts";
import { makeLoopDevice } from "../loop-device.ts";
import { unmount } from "../small-disk.ts";

const megabyte = 1 << 20;

interface Place {
  path: string;
  volumes: Volumes;
}

/** On a file system of its own. @returns false when the kernel cannot mount it so */
async function on(make: string[], options: string, work: (place: Place) => Promise<void>): Promise<boolean> {
  await using device = makeLoopDevice(400);
  const [program = "", ...flags] = make;
  execFileSync(program, [...flags, device.path], { stdio: "ignore" });
  const path = mkdtempSync(join(tmpdir(), "berth-fs-"));
  const mounted = spawnSync("mount", [...(options ? ["-o", options] : []), device.path, path]);
  try {
    if (mounted.status !== 0) return false;
    const [state, logger] = [
      openState(join(path, "state.db"), createLogger("silent")),
      createLogger("silent"),
    ];
    const volumes = createVolumes({ root: path, state, events: createEvents(), logger });
    await work({ path, volumes });
    await volumes.close();
    state.close();
    return true;
  } finally {
    if (mounted.status === 0) await unmount(path);
    rmdirSync(path);
  }
}

const ext4 = ["mkfs.ext4", "-q"];
const xfs = ["mkfs.xfs", "-q"];
const btrfs = ["mkfs.btrfs", "-q"];

/** As a container's process, which may not exceed what the kernel lets CAP_SYS_RESOURCE exceed. */
function write(directory: string, name: string, megabytes: number): boolean {
  const without = ["--bounding-set", "-sys_resource", "--inh-caps", "-sys_resource"];
  const dd = ["dd", "if=/dev/zero", `of=${directory}/${name}`, "bs=1M", `count=${megabytes}`, "conv=fsync"];
  return spawnSync("setpriv", [...without, ...dd]).status === 0;
}

/** A daemon that is killed as it makes one. */
function checkCutOff({ path, volumes }: Place): void {
  const rename = fs.renameSync;
  mock.method(fs, "renameSync", () => {
    throw new Error("killed");
  });
  syncBuiltinESMExports();
  try {
    assert.throws(() => volumes.create({ Name: "cut", DriverOpts: { size: "10M" } }), /killed/);
  } finally {
    fs.renameSync = rename;
    syncBuiltinESMExports();
  }
  assert.ok(!existsSync(join(path, "volumes/cut/_data")), "it is there and may have no limit");
}

async function checkLimit(place: Place): Promise<void> {
  const { volumes } = place;
  checkCutOff(place);
  const limited = volumes.create({ Name: "limited", DriverOpts: { size: "10M" } });
  const free = volumes.create({ Name: "free" });
  const directory = volumes.directoryOf(limited);
  assert.ok(write(directory, "fits", 9));
  assert.ok(!write(directory, "more", 9), "more than the limit was written");
  assert.ok(write(volumes.directoryOf(free), "more", 20));
  const copy = await volumes.clone("limited", "copy").catch(() => undefined);
  if (copy) assert.ok(!write(volumes.directoryOf(copy), "again", 9), "a clone has no limit");
  const tar = Readable.from([spawnSync("tar", ["-C", directory, "-c", "."], { maxBuffer: 64 << 20 }).stdout]);
  const imported = await volumes
    .import("imported", tar, { DriverOpts: { size: "10M" } })
    .catch(() => undefined);
  if (imported) assert.ok(!write(volumes.directoryOf(imported), "again", 9), "an import has no limit");
  volumes.rename("limited", "renamed", []);
  assert.ok(!write(volumes.directoryOf(volumes.getVolume("renamed")), "again", 9));
  await volumes.remove("renamed", { force: false, usedBy: [] });
}

const refused = (message: RegExp) => (place: Place) => {
  const create = () => place.volumes.create({ Name: "limited", DriverOpts: { size: "10M" } });
  assert.throws(create, { kind: "invalid", message });
  assert.deepEqual(place.volumes.list(), []);
  return Promise.resolve();
};

for (const [type, make] of [
  ["ext4", [...ext4, "-O", "quota,project"]],
  ["xfs", xfs],
] as const)
  test(`volumes on ${type} are limited where it has project quotas`, async (context) => {
    if (await on([...make], "prjquota", checkLimit)) return;
    context.diagnostic(`this kernel has no project quotas for ${type}: only the refusal is tried`);
    const lacks = `^create limited: quota size requested but no quota support: ${type} on \\S+ is not mounted with the option prjquota`;
    assert.ok(await on(type === "ext4" ? ext4 : xfs, "", refused(new RegExp(lacks))));
  });

test("volumes elsewhere are refused a limit, by the name of the file system", async () => {
  const words = (type: string) => new RegExp(`no quota support: ${type} on \\S+ has no project quotas$`);
  assert.ok(await on(btrfs, "", refused(words("btrfs"))));
  assert.ok(await on(ext4, "", refused(/ext4 on \S+ is not mounted with the option prjquota/)));
});

for (const [type, make, shares] of [
  ["btrfs", btrfs, true],
  ["xfs", xfs, true],
  ["ext4", ext4, false],
] as const)
  test(`a clone on ${type} ${shares ? "shares its content with the original until one is changed" : "is a copy"}`, async () => {
    const isMounted = await on([...make], "", async ({ path, volumes }) => {
      const directory = volumes.directoryOf(volumes.create({ Name: "original" }));
      const content = Buffer.alloc(64 * megabyte, "content");
      writeFileSync(join(directory, "file"), content);
      const used = () => {
        spawnSync("sync", ["-f", path]);
        const { blocks, bfree, bsize } = statfsSync(path);
        return (blocks - bfree) * bsize;
      };
      const before = used();
      const cloned = volumes.directoryOf(await volumes.clone("original", "cloned"));
      const added = used() - before;
      assert.equal(added < 16 * megabyte, shares, `${added} bytes were added`);
      execFileSync("cmp", [join(directory, "file"), join(cloned, "file")]);
      writeFileSync(join(cloned, "file"), "changed");
      execFileSync("cmp", ["-n", "7", join(directory, "file"), "-"], { input: "content" });
    });
    assert.ok(isMounted, `this kernel has no ${type}`);
  });

test("a clone or an import that fills the disk is one clear error and leaves nothing", async () => {
  await on(ext4, "", async ({ path, volumes }) => {
    const directory = volumes.directoryOf(volumes.create({ Name: "original" }));
    writeFileSync(join(directory, "file"), Buffer.alloc(220 * megabyte, "content"));
    const { bfree } = statfsSync(path);
    await assert.rejects(volumes.clone("original", "cloned"), {
      kind: "internal",
      message: "failed to copy: no space left on device",
    });
    const tar = spawn("tar", ["-cf", "-", "-C", directory, "file"], { stdio: ["ignore", "pipe", "ignore"] });
    await assert.rejects(volumes.import("imported", tar.stdout), {
      kind: "internal",
      message: 'failed to extract "file": no space left on device',
    });
    assert.deepEqual(
      volumes.list().map(({ name }) => name),
      ["original"],
    );
    assert.ok(Math.abs(statfsSync(path).bfree - bfree) < 1000);
  });
});
