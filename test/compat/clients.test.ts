import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { PassThrough } from "node:stream";
import { after, before, describe, it } from "node:test";
import Docker from "dockerode";
import { eventually, output, startEngine, type TestEngine } from "../engine.ts";

describe("dockerode", () => {
  let engine: TestEngine;
  let docker: Docker;
  before(async () => {
    engine = await startEngine();
    await output(engine.berth, ["image", "make", "busybox"]);
    docker = new Docker({ socketPath: engine.host.slice("unix://".length) });
  });
  after(() => engine.stop());

  it("runs a container and demultiplexes its output", async () => {
    const stdout = new PassThrough();
    const stderr = new PassThrough();
    const [result] = await docker.run(
      "busybox",
      ["sh", "-c", "echo out; echo err >&2; exit 4"],
      [stdout, stderr],
      { Tty: false },
    );
    assert.equal(result.StatusCode, 4);
    // dockerode waits for the exit, not for the end of the output, which comes on another connection.
    const texts = ["", ""];
    const read = () => [stdout, stderr].map((stream, n) => (texts[n] += stream.read() ?? ""));
    assert.deepEqual(await eventually(read, (all) => all.every(Boolean)), ["out\n", "err\n"]);
    for (const { Id } of await docker.listContainers({ all: true }))
      await docker.getContainer(Id).remove({ force: true });
  });

  it("attaches with input, execs, inspects, follows events", async () => {
    const container = await docker.createContainer({
      Image: "busybox",
      Cmd: ["cat"],
      OpenStdin: true,
      StdinOnce: true,
      AttachStdin: true,
      AttachStdout: true,
    });
    const stream = await container.attach({
      stream: true,
      stdin: true,
      stdout: true,
      stderr: true,
      hijack: true,
    });
    const stdout = new PassThrough();
    docker.modem.demuxStream(stream, stdout, stdout);
    await container.start();
    stream.write("typed");
    const exec = await container.exec({ Cmd: ["echo", "exec'd"], AttachStdout: true });
    const execStream = await exec.start({ hijack: true, stdin: false });
    const execOut = new PassThrough();
    docker.modem.demuxStream(execStream, execOut, execOut);
    await new Promise((resolve) => execStream.once("end", resolve));
    assert.equal(String(execOut.read()), "exec'd\n");
    assert.equal((await exec.inspect()).ExitCode, 0);
    stream.end();
    assert.equal((await container.wait()).StatusCode, 0);
    assert.equal(String(stdout.read()), "typed");
    assert.equal((await container.inspect()).State.Status, "exited");
    await container.remove();
  });

  it("answers its errors with statuses", async () => {
    await assert.rejects(docker.getContainer("nosuch").inspect(), { statusCode: 404 });
    await assert.rejects(docker.createContainer({ Image: "nosuch" }), { statusCode: 404 });
    await assert.rejects(docker.getImage("nosuch").remove(), { statusCode: 404 });
  });
});

describe("skopeo", () => {
  it("reads what is saved, as docker-archive and as OCI layout", async () => {
    const engine = await startEngine();
    try {
      await output(engine.berth, ["image", "make", "busybox"]);
      await output(engine.berth, ["save", "-o", `${engine.folder}/s.tar`, "busybox"]);
      const inspect = (kind: string) =>
        JSON.parse(
          execFileSync("skopeo", ["inspect", `${kind}:${engine.folder}/s.tar`], { encoding: "utf8" }),
        );
      assert.equal(inspect("docker-archive").Os, "linux");
      assert.equal(inspect("oci-archive").Os, "linux");
    } finally {
      await engine.stop();
    }
  });

  it("asks for API 1.22 and is served, to and from the engine", async () => {
    const engine = await startEngine();
    try {
      await output(engine.berth, ["image", "make", "busybox"]);
      const copy = (from: string, to: string, side: "src" | "dest") => {
        const words = ["--insecure-policy", "copy", `--${side}-daemon-host`, engine.host, from, to];
        execFileSync("skopeo", words, { encoding: "utf8" });
      };
      copy("docker-daemon:busybox:latest", `dir:${engine.folder}/copied`, "src");
      copy(`dir:${engine.folder}/copied`, "docker-daemon:back:1", "dest");
      assert.equal(await output(engine.berth, ["run", "--rm", "back:1", "echo", "back"]), "back");
    } finally {
      await engine.stop();
    }
  });
});
