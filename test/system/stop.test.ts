import assert from "node:assert/strict";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { eventually, supervisorOf, useEngine } from "../engine.ts";

const untilThere = (path: string, wanted: boolean) =>
  eventually(
    () => existsSync(path),
    (isThere) => isThere === wanted,
  );

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

  it("stops them to the end whatever signal comes meanwhile, and takes everything down", async () => {
    const folder = join(engine.folder, "asked-twice");
    mkdirSync(folder);
    const script = "trap 'touch /told/term' TERM; touch /told/ready; while :; do sleep 0.1; done";
    const words = ["-d", "--name", "twice", "--stop-timeout", "2", "-v", `${folder}:/told`];
    await berth("run", ...words, "busybox", "sh", "-c", script);
    await untilThere(join(folder, "ready"), true);
    const pid = await berth("inspect", "-f", "{{.State.Pid}}", "twice");
    const daemon = engine.pid();
    const stopping = engine.berth(["system", "stop", "--containers"]);
    await untilThere(join(folder, "term"), true);
    for (const signal of ["SIGTERM", "SIGINT", "SIGUSR2"] as const) process.kill(daemon, signal);
    assert.equal((await stopping).stdout, "Containers and engine have stopped.\n");
    assert.ok(!existsSync(`/proc/${pid}`));
    assert.ok(!existsSync(join(engine.execRoot, "supervisor.sock")));
    await engine.restart("SIGTERM");
    assert.equal(
      await berth("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "twice"),
      "exited 137",
    );
  });

  it("ends although the supervisor dies while containers are stopped", async () => {
    const folder = join(engine.folder, "told");
    mkdirSync(folder);
    const script = "trap 'touch /told/term' TERM; touch /told/ready; while :; do sleep 0.1; done";
    const words = ["-d", "--name", "slow", "--stop-timeout", "20", "-v", `${folder}:/told`];
    await berth("run", ...words, "busybox", "sh", "-c", script);
    await untilThere(join(folder, "ready"), true);
    const daemon = engine.pid();
    const stopping = engine.berth(["system", "stop", "--containers"]);
    await untilThere(join(folder, "term"), true);
    process.kill(supervisorOf(engine), "SIGKILL");
    await untilThere(`/proc/${daemon}`, false);
    await stopping;
    await engine.restart("SIGTERM");
    assert.equal(await berth("inspect", "-f", "{{.State.Status}}", "slow"), "exited");
  });

  it("ends then also where a container has all the time it wants, once that has ended", async () => {
    const folder = join(engine.folder, "patient");
    mkdirSync(folder);
    const script =
      "trap 'touch /told/term' TERM; touch /told/ready; until [ -e /told/end ]; do sleep 0.1; done";
    const words = ["-d", "--name", "patient", "--stop-timeout", "-1", "-v", `${folder}:/told`];
    await berth("run", ...words, "busybox", "sh", "-c", script);
    await untilThere(join(folder, "ready"), true);
    const daemon = `/proc/${engine.pid()}`;
    const stopping = engine.berth(["system", "stop", "--containers"]);
    await untilThere(join(folder, "term"), true);
    process.kill(supervisorOf(engine), "SIGKILL");
    writeFileSync(join(folder, "end"), "");
    await untilThere(daemon, false);
    await stopping;
    await engine.restart("SIGTERM");
    assert.equal(await berth("inspect", "-f", "{{.State.Status}}", "patient"), "exited");
  });

  it("says that nothing runs when nothing runs", async () => {
    await berth("system", "stop");
    const { code, stderr } = await engine.berth(["system", "stop"]);
    assert.equal(code, 1);
    assert.match(stderr, /Cannot connect to the (?:Docker|Berth) daemon/i);
    await engine.restart("SIGTERM");
  });
});
