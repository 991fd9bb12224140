import assert from "node:assert/strict";
import { globSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { announcedActions } from "../announced-actions.ts";
import { eventually, useEngine } from "../engine.ts";
import { mountHung } from "../hung-file-system.ts";

describe("a container that a commit has stand still", () => {
  const { engine, berth } = useEngine(/ENOTCONN/);

  async function isFrozen(id: string): Promise<void> {
    const cgroup = globSync(`/sys/fs/cgroup/{,freezer/,unified/}**/*${id}*/{freezer.state,cgroup.freeze}`);
    assert.ok(cgroup.length > 0);
    await eventually(
      async () => (await engine.cli("cat")([...cgroup])).stdout,
      (text) => /FROZEN|^1$/m.test(text),
    );
  }

  for (const [words, exitCode] of [
    [["stop", "-t", "3"], "7"],
    [["kill", "-s", "TERM"], "7"],
    [["kill"], "137"],
  ] as const)
    it(`ends of itself all the same: ${words.join(" ")}`, async () => {
      const script = "trap 'exit 7' TERM; mkdir /far; while :; do sleep 0.1; done";
      const id = await berth("run", "-d", "--name", "still", "busybox", "sh", "-c", script);
      const far = await eventually(
        () => globSync(join(engine.root, "containers", id, "*", "far"))[0],
        (found) => found !== undefined,
      );
      let commit: Promise<unknown>;
      {
        // So that the commit does not come to its end before.
        using _ = mountHung(far!);
        commit = engine.berth(["commit", "still", "never"]);
        await isFrozen(id);
        await berth(...words, "still");
        await eventually(
          () => berth("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "still"),
          (answer) => answer === `exited ${exitCode}`,
        );
      }
      await commit;
      await berth("rm", "-f", "still");
    });

  it("runs on and is checked on when the commit fails, and not even stands still for a name that is none", async () => {
    const check = ["--health-cmd", "true", "--health-interval", "200ms"];
    const script = "mkdir /far; exec sleep 1000";
    const id = await berth("run", "-d", "--name", "checked", ...check, "busybox", "sh", "-c", script);
    const far = await eventually(
      () => globSync(join(engine.root, "containers", id, "*", "far"))[0],
      (found) => found !== undefined,
    );
    const none = await engine.api("POST", "/commit?container=checked&repo=NONE", {});
    assert.equal(none.status, 400, none.body);
    let commit: ReturnType<typeof engine.berth>;
    {
      using _ = mountHung(far!);
      commit = engine.berth(["commit", "checked", "never"]);
      await isFrozen(id);
    }
    assert.notEqual((await commit).code, 0);
    assert.deepEqual(await announcedActions(berth, "checked", ["event=pause", "event=unpause"]), [
      "pause",
      "unpause",
    ]);
    const ends = () => berth("inspect", "-f", "{{json .State.Health.Log}}", "checked");
    const before = await ends();
    await eventually(ends, (log) => log !== before);
    await berth("rm", "-f", "checked");
  });
});
