import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { eventually, killSupervisor, useEngine } from "../engine.ts";

describe("what a killed supervisor had in its care", () => {
  const { engine, berth } = useEngine(/the supervisor was lost|no supervisor could be started/);

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
