import assert from "node:assert/strict";
import { globSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { eventually, useEngine } from "../engine.ts";
import { mountHung } from "../hung-file-system.ts";

describe("a container that a commit has stand still", () => {
  const { engine, berth } = useEngine(/ENOTCONN/);

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
        const cgroup = globSync(
          `/sys/fs/cgroup/{,freezer/,unified/}**/*${id}*/{freezer.state,cgroup.freeze}`,
        );
        assert.ok(cgroup.length > 0);
        await eventually(
          async () => (await engine.cli("cat")([...cgroup])).stdout,
          (text) => /FROZEN|^1$/m.test(text),
        );
        await berth(...words, "still");
        await eventually(
          () => berth("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "still"),
          (answer) => answer === `exited ${exitCode}`,
        );
      }
      await commit;
      await berth("rm", "-f", "still");
    });
});
