import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import { eventually, useEngine } from "../engine.ts";

const cli = join(import.meta.dirname, "../../dist/cli/main.js");

describe("enter", () => {
  const { engine, berth } = useEngine();
  /** Of an image without a shell. */
  const runBare = (name: string, ...flags: string[]) =>
    berth("run", "-d", "--init", "--name", name, ...flags, "bare", "/bin/sleep", "1000");
  const guests = async (name: string) =>
    (await berth("diff", name)).split("\n").filter((line) => line.includes("berth-enter"));

  before(async () => {
    await berth("run", "--name", "strip", "busybox", "rm", "-rf", "/bin/bash", "/bin/ash", "/bin/sh");
    await berth("commit", "strip", "bare");
    await berth("rm", "strip");
  });

  it("opens the container's own shell, or runs a command beside it, with its exit code", async () => {
    await berth("run", "-d", "--init", "--name", "own", "busybox", "sleep", "1000");
    const shell = await engine.berth(["enter", "own"], { input: "echo in $0; hostname > /tmp/h; exit 7\n" });
    assert.deepEqual(shell, { code: 7, stdout: "in /bin/ash\n", stderr: "" });
    assert.equal(await berth("enter", "own", "cat", "/tmp/h"), await berth("enter", "own", "hostname"));
    const command = await engine.berth([
      "enter",
      "-u",
      "1000",
      "-w",
      "/tmp",
      "-e",
      "A=b",
      "own",
      "sh",
      "-c",
      "id -u; pwd; echo $A",
    ]);
    assert.equal(command.stdout, "1000\n/tmp\nb\n");
  });

  it("brings a shell along where there is none, says so, and takes it away", async () => {
    await runBare("alone");
    const input = "ls -d /.berth-enter-*; readlink /proc/1/exe; exit 5\n";
    const { code, stdout, stderr } = await engine.berth(["enter", "alone"], { input });
    assert.equal(code, 5, stderr);
    const [, folder = ""] =
      /^container alone has no shell: busybox is at (\S+) until you leave\n$/.exec(stderr) ?? [];
    assert.equal(stdout.split("\n")[0], folder);
    assert.match(stdout, /^\/\.berth-enter-[0-9a-f]{16}\n\/\S+\n$/);
    assert.deepEqual(await guests("alone"), []);
    const command = await engine.berth(["enter", "-u", "1000:1000", "alone", "id", "-u"]);
    assert.equal(command.stdout, "1000\n");
    assert.deepEqual(await guests("alone"), []);
  });

  it("takes it away also when it is ended by a signal", async () => {
    await runBare("cut");
    const env = { ...process.env, BERTH_HOST: engine.host };
    const child = spawn(process.execPath, [cli, "enter", "cut"], { env, stdio: ["pipe", "pipe", "ignore"] });
    let text = "";
    child.stdout.on("data", (chunk) => {
      text += chunk;
    });
    child.stdin.write("echo ready\n");
    await eventually(
      () => text,
      (seen) => seen.includes("ready"),
    );
    assert.equal((await guests("cut")).length > 0, true);
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGTERM");
    assert.equal(await ended, 143);
    assert.deepEqual(await guests("cut"), []);
  });

  it("is not misled by what a container has in a shell's place", async () => {
    await runBare("odd");
    const plant =
      "cd /bin; mkdir bash; ln -s sh ash; ln -s ash sh; mkdir -p /usr/bin; ln -s /nowhere /usr/bin/sh; touch /usr/bin/bash";
    await engine.berth(["enter", "odd"], { input: `${plant}\n` });
    const { code, stderr } = await engine.berth(["enter", "odd"], { input: "exit 3\n" });
    assert.match(stderr, /^container odd has no shell: /);
    assert.equal(code, 3);
  });

  it("says what to do where nothing can be brought or run", async () => {
    await runBare("closed", "--read-only");
    const closed = await engine.berth(["enter", "closed"]);
    assert.equal(closed.code, 1);
    assert.match(
      closed.stderr,
      /^container closed has no shell, and none can be copied into it: .*read-only\n$/,
    );
    await berth("pause", "closed");
    const paused = {
      code: 1,
      stdout: "",
      stderr: "container closed is paused\n\nRun 'berth unpause closed' first\n",
    };
    assert.deepEqual(await engine.berth(["enter", "closed"]), paused);
    await berth("unpause", "closed");
    await berth("stop", "-t", "0", "closed");
    const stopped = {
      code: 1,
      stdout: "",
      stderr: "container closed is not running\n\nRun 'berth start closed' first\n",
    };
    assert.deepEqual(await engine.berth(["enter", "closed"]), stopped);
    const missing = await engine.berth(["enter", "nosuch"]);
    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /No such container: nosuch\n$/);
  });

  it("says how to get a shell when this machine has none to bring", async () => {
    await runBare("poor");
    const env = { ...process.env, BERTH_HOST: engine.host, BERTH_BUSYBOX: "/nowhere/busybox" };
    const child = spawn(process.execPath, [cli, "enter", "poor"], {
      env,
      stdio: ["ignore", "ignore", "pipe"],
    });
    let text = "";
    child.stderr.on("data", (chunk) => {
      text += chunk;
    });
    assert.equal(await new Promise((resolve) => child.once("close", resolve)), 1);
    assert.match(
      text,
      /no shell, and this machine has no static busybox to bring along\n\n.*berth cp BUSYBOX poor:\/busybox/,
    );
  });
});
