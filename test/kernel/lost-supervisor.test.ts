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
});
