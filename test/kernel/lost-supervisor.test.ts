import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import {
  eventually,
  killSupervisor,
  output,
  startEngine,
  supervisorOf,
  type TestEngine,
  useEngine,
} from "../engine.ts";

const lost = /the supervisor was lost|no supervisor could be started/;

describe("what a killed supervisor had in its care", () => {
  const { engine, berth } = useEngine(lost);

  it("a command that an exec runs is not said to have succeeded", async () => {
    await berth("run", "-d", "--name", "busy", "busybox", "sleep", "1000");
    const clients = [engine.berth, engine.cli("docker")];
    const flags = [[], ["-t"]];
    const running = clients.flatMap((cli) =>
      flags.map((words) => cli(["exec", ...words, "busy", "sh", "-c", "echo begun; sleep 999"])),
    );
    await eventually(
      () => berth("top", "busy"),
      (listed) => listed.match(/sleep 999$/gm)?.length === running.length,
    );
    await killSupervisor(engine);
    for (const { code, stdout, stderr } of await Promise.all(running)) {
      assert.notEqual(code, 0);
      assert.match(`${stdout}${stderr}`, /begun[\s\S]*the supervisor was lost while the command was running/);
    }
    assert.equal(await berth("exec", "busy", "echo", "alive"), "alive");
    await berth("rm", "-f", "busy");
  });

  it("an input that was at its end stays so", async () => {
    const untilTold = (file: string) => `while [ ! -e ${file} ]; do sleep 0.1; done; cat; echo end`;
    const run = engine.berth(["run", "-i", "--name", "reader", "busybox", "sh", "-c", untilTold("/go")]);
    await eventually(
      () => engine.berth(["inspect", "-f", "{{.State.Status}}", "reader"]),
      ({ stdout }) => stdout === "running\n",
    );
    const exec = engine.berth(["exec", "-i", "reader", "sh", "-c", `${untilTold("/on")} > /told`]);
    await eventually(
      () => berth("top", "reader"),
      (listed) => listed.includes("/on"),
    );
    await killSupervisor(engine);
    await exec;
    await berth("exec", "reader", "touch", "/on");
    await eventually(
      () => engine.berth(["exec", "reader", "cat", "/told"]),
      ({ stdout }) => stdout === "end\n",
    );
    await berth("exec", "reader", "touch", "/go");
    assert.equal((await run).code, 0);
    assert.equal(await berth("logs", "reader"), "end");
    await berth("rm", "reader");
  });
});

/** An engine with a runtime "slow", each of whose commands of one's choice waits until it is let go. */
function useSlowRuntime() {
  const folder = mkdtempSync(join(tmpdir(), "slow-"));
  const [held, waiting] = [join(folder, "held"), join(folder, "waiting")];
  const engine = {} as TestEngine;

  before(async () => {
    const script = `#!/bin/sh
      command=$(cat ${held} 2>/dev/null)
      for word; do
        [ "$word" != "$command" ] || while [ -e ${held} ]; do : >${waiting}; sleep 0.05; done
      done
      exec crun "$@"\n`;
    const runtime = join(folder, "runtime");
    writeFileSync(runtime, script, { mode: 0o755 });
    Object.assign(engine, await startEngine(["--add-runtime", `slow=${runtime}`]));
    await output(engine.berth, ["image", "make", "busybox"]);
  });
  after(async () => {
    await engine.stop(lost);
    rmSync(folder, { recursive: true });
  });
  return {
    engine,
    berth: (...words: string[]) => output(engine.berth, words),
    hold: (command: string) => writeFileSync(held, command),
    whenWaiting: () =>
      eventually(
        () => existsSync(waiting),
        (isThere) => isThere,
      ),
    letGo() {
      rmSync(held);
      rmSync(waiting);
    },
  };
}

describe("a start that is cut off with its supervisor", () => {
  const { engine, berth, hold, whenWaiting, letGo } = useSlowRuntime();

  it("is made again where the restart policy has asked for it", async () => {
    const script = "[ ! -e /once ] || exec sleep 1000; touch /once; sleep 1; exit 1";
    hold("nothing");
    await berth(
      "run",
      "-d",
      "--runtime",
      "slow",
      "--restart",
      "always",
      "--name",
      "again",
      "busybox",
      "sh",
      "-c",
      script,
    );
    hold("run");
    await whenWaiting();
    // It is not waited for any longer than the next supervisor takes to end it.
    await killSupervisor(engine);
    await eventually(
      () => berth("inspect", "-f", "{{.State.Status}}", "again"),
      (status) => status === "restarting",
    );
    letGo();
    await eventually(
      () => berth("inspect", "-f", "{{.State.Status}}", "again"),
      (status) => status === "running",
    );
    await berth("rm", "-f", "again");
  });

  it("leaves no command that no exec knows of", async () => {
    await berth("run", "-d", "--runtime", "slow", "--name", "busy", "busybox", "sleep", "1000");
    hold("exec");
    const exec = engine.berth(["exec", "busy", "sleep", "998"]);
    await whenWaiting();
    process.kill(supervisorOf(engine), "SIGKILL");
    letGo();
    assert.notEqual((await exec).code, 0);
    await eventually(
      () => berth("top", "busy"),
      (listed) => !listed.includes("sleep 998"),
    );
    assert.equal(await berth("inspect", "-f", "{{.State.Status}}", "busy"), "running");
    await berth("rm", "-f", "busy");
  });
});
