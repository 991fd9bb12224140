import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { createReadStream } from "node:fs";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import { eventually, useEngine } from "../engine.ts";
import { newestDocker, useDocker } from "./docker-client.ts";

describe("an image", () => {
  const { engine, berth } = useEngine();
  const { context, run, folder } = useDocker(engine);
  before(() => berth("image", "make", "busybox"));

  it("that is built while another build sends the same away stays", async () => {
    const place = context("same", { Dockerfile: "FROM busybox\nLABEL one=1\n" });
    const pipe = join(folder, "pipe");
    assert.equal(spawnSync("mkfifo", [pipe]).status, 0);
    const exports = async (work: () => Promise<void>) => {
      const words = ["build", "--progress", "plain", "-o", `type=oci,dest=${pipe}`, place];
      const child = spawn(newestDocker, words, { env: { ...process.env, DOCKER_HOST: engine.host } });
      const ended = new Promise<number | null>((end) => child.on("close", end));
      let output = "";
      child.stderr.on("data", (text) => (output += text));
      try {
        // It writes no more than a pipe takes, until the pipe is read.
        await eventually(
          () => output,
          (text) => text.includes("sending tarball"),
          60,
        );
        await work();
        const reading = createReadStream(pipe).resume();
        assert.equal(await ended, 0, output);
        reading.destroy();
      } finally {
        child.kill();
      }
    };
    let id = "";
    const isThere = async () => (await run("image", "inspect", id)).code === 0;
    await exports(async () => {
      const built = await run("build", "-q", place);
      assert.equal(built.code, 0, built.stderr);
      id = built.stdout.trim();
    });
    assert.ok(await isThere());
    await run("rmi", id);
    // And nothing stays of an export alone.
    await exports(async () => assert.ok(await isThere()));
    assert.equal(await isThere(), false);
  });
});
