import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { eventually, output, startEngine, supervisorOf, type TestEngine } from "../engine.ts";

/** An engine with a runtime "slow" that hangs at the command of one's choice, with a child of its own. */
function useSlowRuntime(mark: number) {
  const folder = mkdtempSync(join(tmpdir(), "hang-"));
  const engine = {} as TestEngine;
  const berth = (...words: string[]) => output(engine.berth, words);

  before(async () => {
    const script = `#!/bin/sh
      command=$(cat ${folder}/hang 2>/dev/null)
      for word; do [ "$word" != "$command" ] || sleep ${mark}; done
      exec crun "$@"\n`;
    const runtime = join(folder, "runtime");
    writeFileSync(runtime, script, { mode: 0o755 });
    Object.assign(engine, await startEngine(["--add-runtime", `slow=${runtime}`]));
    await berth("image", "make", "busybox");
  });
  after(async () => {
    await engine.stop(/the supervisor was lost/);
    rmSync(folder, { recursive: true });
  });
  afterEach(async () => {
    const ids = await berth("ps", "-aq");
    if (ids) await berth("rm", "-f", ...ids.split("\n"));
  });

  const untilSleepers = (code: number) =>
    eventually(
      () => engine.cli("pgrep")(["-f", `^sleep ${mark}$`]),
      (found) => found.code === code,
    );
  return {
    engine,
    berth,
    hangOn: (command: string) => writeFileSync(join(folder, "hang"), command),
    isHanging: () => untilSleepers(0),
    checkNothingHangs: () => untilSleepers(1),
  };
}

describe("an OCI runtime that hangs", { concurrency: true }, () => {
  describe("at the start", { concurrency: 1 }, () => {
    const { engine, berth, hangOn, isHanging, checkNothingHangs } = useSlowRuntime(98761);

    it("lets a run be interrupted, and all else go on", async () => {
      hangOn("run");
      for (const program of [[process.execPath, "dist/cli/main.js"], ["docker"]]) {
        const [file = "", ...words] = [
          ...program,
          "run",
          "--name",
          "waiting",
          "--runtime",
          "slow",
          "busybox",
          "true",
        ];
        const env = { ...process.env, BERTH_HOST: engine.host, DOCKER_HOST: engine.host };
        const client = spawn(file, words, { env, stdio: "ignore", cwd: join(import.meta.dirname, "../..") });
        const ended = new Promise((resolve) => client.once("exit", resolve));
        await isHanging();
        assert.match(await berth("ps", "-a"), /waiting/);
        assert.equal(await berth("run", "--rm", "busybox", "echo", "others"), "others");
        assert.equal((await engine.api("GET", "/berth/system/check")).body.trim(), "[]");
        const refusal = await engine.berth(["rm", "waiting"]);
        assert.match(
          refusal.stderr,
          /container is starting: stop the container before removing or force remove/,
        );
        client.kill("SIGINT");
        assert.notEqual(await ended, 0);
        await checkNothingHangs();
        assert.match(
          await berth("inspect", "-f", "{{.State.Error}}", "waiting"),
          /start canceled: OCI runtime was killed/,
        );
        await berth("rm", "waiting");
      }
    });

    it("is ended by a stop and by a forced removal of the container it starts", async () => {
      hangOn("run");
      for (const words of [
        ["stop", "waiting"],
        ["rm", "-f", "waiting"],
      ]) {
        const run = engine.berth(["run", "-d", "--name", "waiting", "--runtime", "slow", "busybox", "true"]);
        await isHanging();
        await berth(...words);
        const { code, stderr } = await run;
        assert.equal(code, 125, stderr);
        assert.match(stderr, /start canceled: OCI runtime was killed/);
        await checkNothingHangs();
        await engine.berth(["rm", "waiting"]);
      }
      assert.equal(await berth("ps", "-aq"), "");
    });
  });

  describe("at a start whose daemon goes", { concurrency: 1 }, () => {
    const { engine, berth, hangOn, isHanging, checkNothingHangs } = useSlowRuntime(98763);

    it("does not outlive the daemon and the supervisor, and holds up neither's successor", async () => {
      hangOn("run");
      for (const victim of ["daemon", "both", "neither"]) {
        const run = engine.berth(["run", "--name", "waiting", "--runtime", "slow", "busybox", "true"]);
        await isHanging();
        if (victim === "both") process.kill(supervisorOf(engine), "SIGKILL");
        await engine.restart(victim === "neither" ? "SIGTERM" : "SIGKILL");
        await run;
        await checkNothingHangs();
        await berth("rm", "-f", "waiting");
      }
    });
  });

  describe("later", { concurrency: 1 }, () => {
    const { engine, berth, hangOn, isHanging, checkNothingHangs } = useSlowRuntime(98762);

    it("fails a pause and a removal after a while, which succeed once it answers again", async () => {
      hangOn("nothing");
      await berth("run", "-d", "--name", "paused", "--runtime", "slow", "busybox", "sleep", "1000");
      await berth("run", "-d", "--name", "ended", "--runtime", "slow", "busybox", "sleep", "1000");
      hangOn("pause");
      const pause = engine.berth(["pause", "paused"]);
      await isHanging();
      hangOn("delete");
      await berth("kill", "ended");
      const [paused, removed] = await Promise.all([pause, engine.berth(["rm", "-f", "ended"])]);
      assert.match(paused.stderr, /the OCI runtime .* did not answer within 10 seconds/);
      assert.match(removed.stderr, /the OCI runtime .* did not answer within 10 seconds/);
      hangOn("nothing");
      await berth("rm", "-f", "paused", "ended");
      assert.equal(await berth("ps", "-aq"), "");
    });

    it("is ended with the container, when it hangs at an exec", async () => {
      hangOn("exec");
      await berth("run", "-d", "--name", "asked", "--runtime", "slow", "busybox", "sleep", "1000");
      const exec = engine.berth(["exec", "asked", "true"]);
      await isHanging();
      await berth("rm", "-f", "asked");
      const { code, stderr } = await exec;
      assert.notEqual(code, 0, stderr);
      await checkNothingHangs();
    });
  });
});
