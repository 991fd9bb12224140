import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { eventually, supervisorOf, useEngine } from "../engine.ts";

describe("operations on one container at once", () => {
  const { engine, berth } = useEngine();
  const patient = "trap 'sleep 0.3; exit 5' TERM; while :; do sleep 0.1; done";

  it("leave one that removes itself to do so, whatever restarts there were", async () => {
    await berth("run", "-d", "--rm", "--name", "self", "busybox", "sh", "-c", patient);
    const restarts = Array.from({ length: 4 }, () => engine.berth(["restart", "self"]));
    // What is shown meanwhile is what was asked for.
    assert.equal(await berth("inspect", "-f", "{{.HostConfig.AutoRemove}}", "self"), "true");
    for (const { code, stderr } of await Promise.all(restarts)) assert.equal(code, 0, stderr);
    assert.equal(
      await berth("inspect", "-f", "{{.HostConfig.AutoRemove}} {{.State.Status}}", "self"),
      "true running",
    );
    await berth("stop", "-t", "5", "self");
    await eventually(
      () => berth("ps", "-aq"),
      (ids) => ids === "",
    );
  });

  it("leave one that removes itself to the next daemon, when this one is killed in the middle of a restart", async () => {
    const script =
      "trap 'until [ -e /go ]; do sleep 0.1; done; exit 5' TERM; echo ready; while :; do sleep 0.1; done";
    await berth("run", "-d", "--rm", "--name", "cut", "busybox", "sh", "-c", script);
    await eventually(
      () => berth("logs", "cut"),
      (text) => text === "ready",
    );
    const restart = engine.berth(["restart", "-t", "600", "cut"]).catch(() => undefined);
    await eventually(
      () =>
        berth(
          "events",
          "--since",
          "1m",
          "--until",
          "0s",
          "--filter",
          "event=kill",
          "--filter",
          "container=cut",
          "--format",
          "{{.Action}}",
        ),
      (text) => text === "kill",
    );
    await engine.restart("SIGKILL");
    await restart;
    await berth("exec", "cut", "touch", "/go");
    await eventually(
      () => berth("ps", "-aq"),
      (ids) => ids === "",
    );
  });

  it("end well in any order, and each gets an answer", async () => {
    await berth("run", "-d", "--restart", "always", "--name", "busy", "busybox", "sh", "-c", patient);
    const operations = [
      "stop",
      "start",
      "restart",
      "kill",
      "pause",
      "unpause",
      "stop",
      "start",
      "restart",
      "unpause",
    ];
    await Promise.all(operations.map((operation) => engine.berth([operation, "busy"])));
    await engine.berth(["unpause", "busy"]);
    await engine.berth(["start", "busy"]);
    assert.equal(await berth("inspect", "-f", "{{.State.Status}}", "busy"), "running");
    await berth("stop", "-t", "2", "busy");
    assert.equal(await berth("inspect", "-f", "{{.State.Status}}", "busy"), "exited");
    await Promise.all(["start", "kill", "restart"].map((operation) => engine.berth([operation, "busy"])));
    await berth("rm", "-f", "busy");
    assert.equal(await berth("ps", "-aq"), "");
  });

  it("refuse to remove one that waits for its restart, unless they are forced", async () => {
    await berth("run", "-d", "--restart", "always", "--name", "again", "busybox", "false");
    await eventually(
      () => berth("inspect", "-f", "{{.State.Status}} {{.RestartCount}}", "again"),
      (text) => /^restarting [6-9]/.test(text),
    );
    const { stderr } = await engine.berth(["rm", "again"]);
    assert.match(
      stderr,
      /cannot remove container "again": container is restarting: stop the container before/,
    );
    await berth("rm", "-f", "again");
  });
});

describe("an exit", () => {
  const { engine, berth } = useEngine();

  it("is known, with its code, when supervisor and daemon are killed before that one has taken note", async () => {
    const script = "trap 'exit 7' TERM; echo ready; while :; do sleep 0.1; done";
    const id = await berth("run", "-d", "--name", "told", "busybox", "sh", "-c", script);
    await eventually(
      () => berth("logs", "told"),
      (text) => text === "ready",
    );
    const pid = Number(await berth("inspect", "-f", "{{.State.Pid}}", "told"));
    process.kill(engine.pid(), "SIGSTOP");
    process.kill(pid, "SIGTERM");
    await eventually(
      () => existsSync(join(engine.execRoot, "p", id, "exit")),
      (isThere) => isThere,
    );
    process.kill(supervisorOf(engine), "SIGKILL");
    await engine.restart("SIGKILL");
    assert.equal(
      await berth("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}{{.State.Error}}", "told"),
      "exited 7",
    );
    await berth("rm", "told");
  });
});
