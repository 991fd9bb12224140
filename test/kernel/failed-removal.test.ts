import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { globSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { join } from "node:path";
import { json } from "node:stream/consumers";
import { describe, it } from "node:test";
import { useEngine } from "../engine.ts";

describe("a container with --rm that cannot be removed", () => {
  const { engine, berth } = useEngine(/handling an exit failed/);

  /** Its head says that the engine knows of the wait. */
  const beginToWait = (id: string) =>
    new Promise<IncomingMessage>((resolve, reject) => {
      const path = `/containers/${id}/wait?condition=removed`;
      const socketPath = join(engine.execRoot, "berth.sock");
      request({ socketPath, method: "POST", path, agent: false }, resolve).on("error", reject).end();
    });

  it("is told of by what waits for its removal, and is removed by the next daemon that can", async () => {
    const id = await berth(
      "run",
      "-d",
      "--rm",
      "--name",
      "kept",
      "busybox",
      "sh",
      "-c",
      "echo >/fast; sleep 1000",
    );
    await berth("exec", "kept", "sh", "-c", "until [ -e /fast ]; do sleep 0.01; done");
    const [file] = globSync(join(engine.root, "containers", id, "*", "fast"));
    assert.ok(file);
    execFileSync("chattr", ["+i", file]);
    try {
      const waiting = await beginToWait(id);
      await berth("kill", "kept");
      const { StatusCode, Error: failure } = (await json(waiting)) as {
        StatusCode: number;
        Error: { Message: string };
      };
      assert.equal(StatusCode, 137);
      assert.match(failure.Message, /EPERM/);
      assert.equal(await berth("inspect", "-f", "{{.State.Status}}", "kept"), "dead");
      // Nor does it keep a daemon from starting.
      await engine.restart("SIGKILL");
      assert.equal(await berth("inspect", "-f", "{{.State.Status}}", "kept"), "dead");
    } finally {
      execFileSync("chattr", ["-i", file]);
    }
    await engine.restart("SIGKILL");
    assert.equal(await berth("ps", "-aq"), "");
  });
});
