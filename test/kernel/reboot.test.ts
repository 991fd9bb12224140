import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, it } from "node:test";
import { startTicks } from "../../src/sys/process.ts";
import { eventually, useEngine } from "../engine.ts";

describe("records from before the machine was started again", () => {
  const { engine, berth } = useEngine();

  /** Makes the stored record say that the container runs, as this very process and in another boot of the machine. */
  function pretendRunning(name: string): void {
    const database = new DatabaseSync(join(engine.root, "berth.db"));
    database.exec("PRAGMA busy_timeout=5000");
    const own = JSON.stringify({
      state: { Status: "running", Running: true, Pid: process.pid, StartedAt: "2026-01-01T00:00:00Z" },
      startTicks: startTicks(process.pid),
      bootId: "00000000-0000-4000-8000-000000000000",
    });
    const change = database.prepare(
      "UPDATE records SET value = json_patch(value, ?) WHERE kind = 'container' AND json_extract(value, '$.name') = ?",
    );
    assert.equal(change.run(own, name).changes, 1);
    database.close();
  }

  it("never takes a process for a container's that bears its numbers by chance", async () => {
    await berth("create", "--name", "before", "busybox", "sleep", "1000");
    await berth("create", "--name", "always", "--restart", "always", "busybox", "sleep", "1000");
    await berth("create", "--name", "automatic", "--rm", "busybox", "sleep", "1000");
    for (const name of ["before", "always", "automatic"]) pretendRunning(name);
    await engine.restart("SIGKILL");
    const shown = "{{.State.Status}} {{.State.ExitCode}} {{.State.Pid}} {{.State.Error}}";
    assert.equal(
      await berth("inspect", "-f", shown, "before"),
      "exited 255 0 exit code unknown: process exited while the supervisor was not running",
    );
    assert.equal(await berth("exec", "always", "echo", "runs"), "runs");
    assert.equal((await engine.berth(["inspect", "automatic"])).code, 1, "one with --rm is gone");
    assert.equal(await berth("start", "before"), "before");
    await berth("rm", "-f", "before", "always");
  });

  it("starts what is to run on failure, each time, but not what has ended well or has failed too often", async () => {
    const onFailure = ["--restart", "on-failure:1", "busybox"];
    await berth("create", "--name", "node", ...onFailure, "sleep", "1000");
    await berth("create", "--name", "fresh", ...onFailure, "sleep", "1000");
    await berth("run", "-d", "--name", "fine", ...onFailure, "true");
    await berth("run", "-d", "--name", "failed", ...onFailure, "false");
    await eventually(
      () => berth("inspect", "-f", "{{.State.Status}} {{.RestartCount}}", "fine", "failed"),
      (text) => text === "exited 0\nexited 1",
    );
    for (let reboot = 0; reboot < 3; reboot++) {
      pretendRunning("node");
      await engine.restart("SIGKILL");
      const states = await berth("inspect", "-f", "{{.State.Status}} {{.RestartCount}}", "node", "fresh");
      assert.equal(states, "running 0\ncreated 0");
      await berth("kill", "node");
    }
    assert.equal(
      await berth("inspect", "-f", "{{.State.Status}} {{.RestartCount}}", "fine", "failed"),
      "exited 0\nexited 1",
    );
    // That a user had killed it does not count here, as with Docker, and no longer afterwards.
    await engine.restart("SIGTERM");
    process.kill(Number(await berth("inspect", "-f", "{{.State.Pid}}", "node")), "SIGKILL");
    await eventually(
      () => berth("inspect", "-f", "{{.State.Status}} {{.RestartCount}}", "node"),
      (text) => text === "running 1",
    );
    await berth("rm", "-f", "node", "fresh", "fine", "failed");
  });

  it("starts what others join or are linked to before these, however many they are", async () => {
    const always = ["--restart", "always", "busybox", "sleep", "1000"];
    // Made before what they join: their names come first wherever they are listed.
    const joining = Array.from({ length: 9 }, (_, index) => `joining-${index}`);
    for (const name of joining)
      await berth("create", "--name", name, "--network", "container:joined", ...always);
    await berth("create", "--name", "joined", ...always);
    await berth("create", "--name", "linked", "--link", "joined:other", ...always);
    const names = [...joining, "joined", "linked"];
    for (const name of names) pretendRunning(name);
    await engine.restart("SIGKILL");
    const states = await berth("inspect", "-f", "{{.State.Status}} {{.State.Error}}", ...names);
    assert.deepEqual([...new Set(states.split("\n").map((state) => state.trim()))], ["running"]);
    await berth("rm", "-f", ...names);
  });
});
