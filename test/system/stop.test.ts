import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { useEngine } from "../engine.ts";

describe("system stop", () => {
  const { engine, berth } = useEngine();

  it("leaves containers running, and the next engine goes on with them", async () => {
    await berth("run", "-d", "--name", "one", "busybox", "sleep", "1000");
    const pid = await berth("inspect", "-f", "{{.State.Pid}}", "one");
    assert.equal(await berth("system", "stop"), "The engine has stopped; containers run on.");
    await assert.rejects(engine.api("GET", "/_ping"));
    assert.ok(existsSync(`/proc/${pid}`));
    await engine.restart("SIGTERM");
    assert.equal(await berth("inspect", "-f", "{{.State.Pid}}", "one"), pid);
  });

  it("stops containers too with --containers, and takes everything down before it says so", async () => {
    const pid = await berth("inspect", "-f", "{{.State.Pid}}", "one");
    const { stdout, stderr } = await engine.berth(["system", "stop", "--containers"]);
    assert.equal(stdout, "Containers and engine have stopped.\n");
    assert.match(stderr, /^Stopping the containers/);
    assert.ok(!existsSync(`/proc/${pid}`));
    assert.ok(!existsSync(join(engine.execRoot, "supervisor.sock")));
    await engine.restart("SIGTERM");
    assert.equal(await berth("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "one"), "exited 137");
  });

  it("says that nothing runs when nothing runs", async () => {
    await berth("system", "stop");
    const { code, stderr } = await engine.berth(["system", "stop"]);
    assert.equal(code, 1);
    assert.match(stderr, /Cannot connect to the (?:Docker|Berth) daemon/i);
    await engine.restart("SIGTERM");
  });
});
