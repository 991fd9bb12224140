import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { eventually, supervisorOf, useEngine } from "../engine.ts";

describe("processes that sleep in the kernel and that nothing can kill", () => {
  const { engine, berth } = useEngine(/the supervisor was lost|did not receive an exit event/);
  const disk = mkdtempSync(join(tmpdir(), "stuck-"));
  const image = `${disk}.img`;

  before(() => {
    writeFileSync(image, "");
    truncateSync(image, 16 << 20);
    execFileSync("mkfs.ext4", ["-q", image]);
    execFileSync("mount", ["-o", "loop", image, disk]);
    execFileSync("fsfreeze", ["-f", disk]);
  });
  after(() => {
    execFileSync("umount", [disk]);
    rmSync(disk, { recursive: true });
    rmSync(image);
  });

  const statusOf = (name: string) => berth("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", name);

  it("hold up nothing but themselves, and what could not be done to them is said", async () => {
    try {
      await berth("run", "-d", "--name", "free", "busybox", "sh", "-c", "echo said; sleep 1000");
      await berth("run", "-d", "--name", "first", "-v", `${disk}:/data`, "busybox", "touch", "/data/a");
      const script = "touch /data/b & echo begun; wait";
      await berth("run", "-d", "--name", "second", "-v", `${disk}:/data`, "busybox", "sh", "-c", script);
      await eventually(
        () => berth("logs", "second"),
        (text) => text === "begun",
      );
      const attempts = [
        engine.berth(["stop", "-t", "0", "first"]),
        engine.berth(["kill", "second"]),
        engine.berth(["rm", "-f", "second"]),
        engine.cli("docker")(["rm", "-f", "first"]),
      ];
      assert.equal(
        (await berth("ps", "--format", "{{.Names}}")).split("\n").toSorted().join(),
        "first,free,second",
      );
      assert.equal(await statusOf("second"), "running 0");
      assert.equal(await berth("logs", "second"), "begun");
      assert.equal(await berth("exec", "free", "echo", "well"), "well");
      assert.equal(await berth("run", "--rm", "busybox", "echo", "as ever"), "as ever");
      assert.match(await berth("top", "first"), /touch/);
      assert.deepEqual(JSON.parse((await engine.api("GET", "/berth/system/check")).body), []);
      const reason = "tried to kill container, but did not receive an exit event";
      const [stop, kill, remove, dockerRemove] = await Promise.all(attempts);
      for (const attempt of [stop, kill, remove, dockerRemove]) assert.equal(attempt?.code, 1);
      assert.match(stop?.stderr ?? "", new RegExp(`cannot stop container: first: ${reason}`));
      assert.match(kill?.stderr ?? "", new RegExp(`cannot kill container: second: ${reason}`));
      const cannotRemove = (name: string) =>
        new RegExp(`cannot remove container "${name}": could not kill container: ${reason}`);
      assert.match(remove?.stderr ?? "", cannotRemove("second"));
      assert.match(dockerRemove?.stderr ?? "", cannotRemove("first"));

      await engine.restart("SIGKILL");
      assert.equal(await statusOf("first"), "running 0");
      const supervisor = supervisorOf(engine);
      process.kill(supervisor, "SIGKILL");
      await eventually(
        () => engine.berth(["exec", "free", "echo", "well"]),
        ({ code }) => code === 0,
      );
      assert.equal(await statusOf("second"), "running 0");
      await engine.restart("SIGTERM");
    } finally {
      execFileSync("fsfreeze", ["-u", disk]);
    }
    for (const name of ["first", "second"]) {
      await eventually(
        () => statusOf(name),
        (text) => text === "exited 137",
      );
    }
    await berth("rm", "first", "second");
    await berth("rm", "-f", "free");
  });
});
