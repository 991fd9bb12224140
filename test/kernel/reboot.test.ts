import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, it } from "node:test";
import { startTicks } from "../../src/sys/process.ts";
import { useEngine } from "../engine.ts";

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
});
