import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import { eventually, useEngine } from "../engine.ts";
import { newestDocker, useDocker } from "./docker-client.ts";

describe("the history of builds", () => {
  const { engine, berth } = useEngine();
  const { context, run, folder } = useDocker(engine);
  before(() => berth("image", "make", "busybox"));

  const list = async () => {
    const { stdout, stderr } = await run("buildx", "history", "ls", "--format", "json");
    assert.equal(stderr, "");
    return stdout
      .trim()
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line) as { ref: string; name: string; status: string; total_steps: number });
  };
  const refOf = (one?: { ref: string }) => one?.ref.split("/").at(-1) ?? "";

  it("has what was built and what failed, with steps and output", async () => {
    const good = context("good", { Dockerfile: "FROM busybox\nRUN echo seen-in-the-log\n" });
    const metadata = join(folder, "metadata.json");
    const built = await run("build", "--metadata-file", metadata, good);
    assert.equal(built.code, 0, built.stderr);
    assert.match(readFileSync(metadata, "utf8"), /"buildx\.build\.ref"/);
    const bad = context("bad", { Dockerfile: "FROM busybox\nRUN exit 9\n" });
    assert.equal((await run("build", bad)).code, 1);
    const [last, first] = await list();
    assert.equal(last?.status, "Error");
    assert.equal(first?.status, "Completed");
    const filtered = await run("buildx", "history", "ls", "--filter", "status=error", "--format", "json");
    assert.deepEqual(
      filtered.stdout.match(/"status":"\w+"/g),
      ['"status":"Error"'],
      filtered.stdout + filtered.stderr,
    );
    const logs = await run("buildx", "history", "logs", "--progress", "plain", refOf(first));
    assert.match(logs.stdout + logs.stderr, /\d seen-in-the-log/);
    const shown = await run("buildx", "history", "inspect", refOf(last));
    assert.match(shown.stdout, /exit code: 9/);
    assert.match(shown.stdout, /Build Steps:\s+\d+\/\d+/);
  });

  it("shows what runs, and keeps what was given up", async () => {
    const place = context("slow", { Dockerfile: "FROM busybox\nRUN echo and ready && sleep 1000\n" });
    const client = execFile(newestDocker, ["build", "--progress", "plain", place], {
      env: { ...process.env, DOCKER_HOST: engine.host },
    });
    let output = "";
    client.stderr?.on("data", (text: string) => (output += text));
    const ended = new Promise((resolve) => client.once("exit", resolve));
    await eventually(
      () => output,
      (text) => /\d and ready/.test(text),
      300,
    );
    assert.equal((await list())[0]?.status, "Running");
    client.kill("SIGINT");
    await ended;
    await eventually(list, ([last]) => /Canceled|Error/.test(last?.status ?? ""));
  });

  it("outlives the daemon, and goes when it is removed", async () => {
    const before = await list();
    await engine.restart("SIGKILL");
    assert.deepEqual(
      (await list()).map(({ ref }) => ref),
      before.map(({ ref }) => ref),
    );
    const files = () => readdirSync(join(engine.root, "build/history")).length;
    const count = files();
    const removed = await run("buildx", "history", "rm", refOf(before[0]));
    assert.equal(removed.code, 0, removed.stderr);
    assert.equal((await list()).length, before.length - 1);
    assert.equal(files(), count - 2);
    const again = await run("buildx", "history", "rm", refOf(before[0]));
    assert.notEqual(again.code, 0);
  });
});
