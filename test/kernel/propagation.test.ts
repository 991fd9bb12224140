import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { findMount, readMountTable } from "../../src/sys/mount-table.ts";
import { supervisorOf, useEngine } from "../engine.ts";

const mountTable = (process = "self") => readFileSync(`/proc/${process}/mountinfo`, "utf8");
describe("bind propagation", () => {
  // First, since the engine's end finds what is left on the machine.
  after(() => spawnSync("umount", ["-R", folder]));
  const { engine, berth } = useEngine(/the supervisor was lost/);
  let folder: string;
  /** Sorted; without the ids, the groups of propagation, and what other tests mount in folders of theirs. */
  const mountpoints = (process?: string) =>
    mountTable(process)
      .split("\n")
      .filter(Boolean)
      .map((line) => line.split(" ")[4]!)
      .filter((path) => path.startsWith(engine.folder) || !/^(\/tmp|\/run\/netns)\//.test(path))
      .sort();
  const mountTmpfs = (path: string) => execFileSync("mount", ["-t", "tmpfs", "shown", path]);
  before(() => {
    folder = join(engine.folder, "source");
    mkdirSync(folder);
    mountTmpfs(folder);
    execFileSync("mount", ["--make-private", folder]);
    for (const name of ["a", "b", "c"]) mkdirSync(join(folder, name));
    writeFileSync(join(folder, "file"), "of the host\n");
  });
  const start = (name: string, ...flags: string[]) =>
    berth("run", "-d", "--name", name, "--privileged", ...flags, "busybox", "sleep", "1000");
  const inside = (name: string, command: string) => berth("exec", "--privileged", name, "sh", "-ec", command);
  const onHost = (path: string) => mountpoints().includes(join(folder, path));

  it("is refused where the source's own mount has none", async () => {
    const asked = (mode: string) =>
      engine.berth(["run", "--rm", "-v", `${folder}:/d:${mode}`, "busybox", "true"]);
    assert.match(
      (await asked("shared")).stderr,
      new RegExp(`path ${folder} is mounted on ${folder} but it is not a shared mount`),
    );
    assert.match(
      (await asked("rslave")).stderr,
      new RegExp(`path ${folder} is mounted on ${folder} but it is not a shared or slave mount`),
    );
    execFileSync("mount", ["--make-shared", folder]);
  });

  it("is held to that also where the engine's own folder is below, and follows by default", async () => {
    const { isShared } = findMount("/", readMountTable());
    const asked = (mode: string) => engine.berth(["run", "--rm", "-v", `/:/d${mode}`, "busybox", "true"]);
    const shared = await asked(":rshared");
    assert.equal(shared.code === 0, isShared, shared.stderr);
    if (!isShared) assert.match(shared.stderr, /path \/ is mounted on \/ but it is not a shared mount/);
    assert.equal((await asked("")).code, 0);
  });

  it("rslave shows the host's mounts in the container, and none of the container's on the host", async () => {
    await start("seeing", "-v", `${folder}:/d:rslave`);
    mountTmpfs(join(folder, "a"));
    assert.match(await inside("seeing", "grep /d/a /proc/mounts"), /tmpfs/);
    await inside("seeing", "mount -t tmpfs inner /d/b");
    assert.ok(!onHost("b"));
    execFileSync("umount", [join(folder, "a")]);
    assert.doesNotMatch(await inside("seeing", "cat /proc/mounts"), / \/d\/a /);
    await berth("rm", "-f", "seeing");
  });

  for (const runtime of ["crun", "runc"]) {
    it(`rshared shows mounts both ways, and the host nothing else of the container, with ${runtime}`, async () => {
      const own = mountpoints();
      mountTmpfs(join(folder, "c"));
      const given = [
        "-v",
        `${folder}:/d:rshared`,
        "-v",
        `${folder}:/apart`,
        "-v",
        `${folder}/file:/f:shared`,
      ];
      await start("sharing", "--runtime", runtime, ...given);
      assert.deepEqual(mountpoints(), [...own, join(folder, "c")].sort(), "nothing of the start");
      assert.equal(await inside("sharing", "cat /f"), "of the host");
      const groups = await inside("sharing", "grep ' shared:' /proc/self/mountinfo | cut -d' ' -f5");
      assert.deepEqual(groups.split("\n").sort(), ["/d", "/d/c", "/f"], "as with Docker, not the root");
      assert.match(await inside("sharing", "grep /d/c /proc/mounts"), /tmpfs/, "what was below before");
      await inside("sharing", "mount -t tmpfs inner /d/b; touch /d/b/made; mount -t tmpfs own /tmp");
      assert.deepEqual(readdirSync(join(folder, "b")), ["made"]);
      mountTmpfs(join(folder, "a"));
      assert.match(await inside("sharing", "grep /d/a /proc/mounts"), /tmpfs/);
      await inside("sharing", "mount -t tmpfs apart /apart/a");
      const shown = ["a", "b", "c"].map((name) => join(folder, name));
      assert.deepEqual(mountpoints(), [...own, ...shown].sort(), "what is mounted elsewhere is not shown");
      await inside("sharing", "umount /d/a");
      assert.ok(!onHost("a"), "unmounted on both sides");
      await engine.restart("SIGKILL");
      process.kill(supervisorOf(engine), "SIGKILL");
      await inside("sharing", "mount -t tmpfs later /d/b");
      assert.equal(mountpoints().filter((path) => path === join(folder, "b")).length, 2);
      await berth("restart", "-t", "0", "sharing");
      assert.match(await inside("sharing", "ls /d/b"), /^$/, "the topmost one is there again");
      await berth("rm", "-f", "sharing");
      // As with Docker, the container's mounts outlive it.
      for (const name of ["b", "b", "c"]) execFileSync("umount", [join(folder, name)]);
      assert.deepEqual(mountpoints(), own);
    });
  }
});
