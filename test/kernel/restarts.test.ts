import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { announcedActions } from "../announced-actions.ts";
import { eventually, useEngine } from "../engine.ts";

const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

describe("a container that its restart policy brings back", () => {
  const { engine, berth } = useEngine();

  const inspect = (name: string, format: string) => berth("inspect", "-f", format, name);
  /** Waits for its restart, and that for seconds. @returns how often it has been restarted */
  const crash = async (name: string, ...flags: string[]) => {
    await berth("run", "-d", "--name", name, ...flags, "busybox", "sh", "-c", "echo line; exit 3");
    const state = await eventually(
      () => inspect(name, "{{.State.Status}} {{.RestartCount}}"),
      (text) => /^restarting [6-9]/.test(text),
    );
    return Number(state.split(" ")[1]);
  };

  it("ends who follows its log with each run, so that a follow for each start has each line once", async () => {
    const script = "echo line; until [ -e /go ]; do sleep 0.1; done; rm /go; exit 3";
    await berth("run", "-d", "--restart", "always", "--name", "followed", "busybox", "sh", "-c", script);
    const follower = spawn(process.execPath, [main, "-H", engine.host, "logs", "-f", "followed"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let text = "";
    const ended = once(follower, "close");
    follower.stdout.on("data", (bytes) => {
      text += bytes;
    });
    await once(follower.stdout, "data");
    await berth("exec", "followed", "touch", "/go");
    await eventually(
      () => berth("logs", "followed"),
      (lines) => lines === "line\nline",
    );
    await berth("stop", "-t", "0", "followed");
    await ended;
    assert.equal(text, "line\n");
    await berth("rm", "followed");
  });

  it("ends who follows its log between two runs at once, and counts a restart from the exit on", async () => {
    const count = await crash("between", "--restart", "always");
    const follow = engine.api("GET", "/containers/between/logs?follow=1&stdout=1");
    await eventually(
      () => inspect("between", "{{.RestartCount}}"),
      (text) => Number(text) > count,
    );
    await berth("stop", "between");
    const lines = (await follow).body.match(/line/g);
    assert.equal(lines?.length, count);
    await berth("rm", "between");
  });

  it("is not started by others before its time, but restarted", async () => {
    const count = await crash("due", "--restart", "always");
    assert.equal((await engine.api("POST", "/containers/due/start")).status, 304);
    assert.equal(await inspect("due", "{{.RestartCount}}"), String(count));
    await berth("restart", "due");
    // A user's start counts from the beginning.
    assert.ok(Number(await inspect("due", "{{.RestartCount}}")) < count);
    await berth("rm", "-f", "due");
  });

  it("announces a stop between two runs as any other", async () => {
    await crash("stopped", "--restart", "always");
    await berth("stop", "stopped");
    assert.equal((await announcedActions(berth, "stopped")).at(-1), "stop");
    await berth("rm", "stopped");
  });
});

describe("a stop of a container that removes itself", () => {
  const { berth } = useEngine();

  it("is announced with its name, and before its removal", async () => {
    await berth("run", "-d", "--rm", "--name", "automatic", "busybox", "sleep", "1000");
    await berth("stop", "-t", "0", "automatic");
    const seen = await eventually(
      () => announcedActions(berth, "automatic"),
      (actions) => actions.includes("destroy"),
    );
    assert.deepEqual(seen.slice(-3), ["die", "stop", "destroy"]);
  });
});
