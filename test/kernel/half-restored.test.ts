import assert from "node:assert/strict";
import { globSync, renameSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { eventually, supervisorOf, useEngine } from "../engine.ts";

describe("a container that cannot be restored", () => {
  const { engine, berth } = useEngine();
  const stateOf = (name: string) => berth("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", name);

  it("keeps neither the daemon from starting nor the others from being restored, and is tried again", async () => {
    const id = await berth("run", "-d", "--name", "broken", "busybox", "sleep", "1000");
    for (const name of ["ending", "running"])
      await berth("run", "-d", "--name", name, "busybox", "sleep", "1000");
    const [pipe] = globSync(join(engine.execRoot, "**", id, "stdout"));
    assert.ok(pipe);
    const folder = dirname(pipe);
    const ending = Number(await berth("inspect", "-f", "{{.State.Pid}}", "ending"));
    process.kill(engine.pid(), "SIGKILL");
    process.kill(supervisorOf(engine), "SIGKILL");
    process.kill(ending, "SIGKILL");
    renameSync(folder, `${folder}-away`);
    await engine.restart("SIGKILL");
    assert.match(await stateOf("ending"), /^exited/);
    assert.equal(await berth("exec", "running", "echo", "works"), "works");
    assert.equal(await stateOf("broken"), "running 0");
    renameSync(`${folder}-away`, folder);
    const { body } = await eventually(
      () => engine.api("GET", "/berth/system/check"),
      ({ body }) => !body.includes(id.slice(0, 12)),
    );
    assert.deepEqual(JSON.parse(body), []);
    await berth("kill", "broken");
    await eventually(
      () => stateOf("broken"),
      (state) => state === "exited 137",
    );
    await berth("rm", "-f", "broken", "ending", "running");
  });
});
