import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { eventually, useEngine } from "../engine.ts";
import { mountHung } from "../hung-file-system.ts";

describe("a volume whose server does not answer", () => {
  const { engine, berth } = useEngine();
  const stateOf = (name: string) => berth("inspect", "-f", "{{.State.Status}}", name);

  it("holds up neither the daemon's start nor another container's, and comes back with its server", async () => {
    const share = join(engine.folder, "share");
    mkdirSync(join(share, "data"), { recursive: true });
    await berth("volume", "create", "-o", "type=none", "-o", "o=bind", "-o", `device=${share}/data`, "far");
    const always = ["--restart", "always", "busybox", "sleep", "1000"];
    await berth("run", "-d", "--name", "waiting", "-v", "far:/far", ...always);
    await berth("run", "-d", "--name", "other", ...always);
    const pids = await Promise.all(
      ["waiting", "other"].map((name) => berth("inspect", "-f", "{{.State.Pid}}", name)),
    );
    process.kill(engine.pid(), "SIGKILL");
    for (const pid of pids) process.kill(Number(pid), "SIGKILL");
    {
      using _ = mountHung(share);
      await engine.restart("SIGKILL");
      await eventually(
        () => stateOf("other"),
        (status) => status === "running",
      );
      assert.notEqual(await stateOf("waiting"), "running");
      assert.match(await berth("volume", "ls"), /far/);
      assert.match(await berth("volume", "inspect", "far"), /"device"/);
      assert.equal(await berth("run", "--rm", "busybox", "echo", "works"), "works");
      // Not even while one is waited for.
      await engine.restart("SIGKILL");
      assert.equal(await stateOf("other"), "running");
    }
    await eventually(
      async () => {
        await engine.berth(["start", "waiting"]);
        return stateOf("waiting");
      },
      (status) => status === "running",
    );
    await berth("rm", "-f", "waiting", "other");
    await berth("volume", "rm", "far");
  });
});
