import assert from "node:assert/strict";
import { buffer } from "node:stream/consumers";
import { afterEach, before, describe, it } from "node:test";
import { type Client, createClient } from "../../src/client/client.ts";
import { eventually, useEngine } from "../engine.ts";

describe("a container in distress", () => {
  const { engine, berth } = useEngine();
  let client: Client;
  before(async () => {
    client = await createClient({ host: engine.host });
  });
  afterEach(async () => {
    const ids = await berth("ps", "-aq");
    if (ids) await berth("rm", "-f", ...ids.split("\n"));
  });

  const run = (name: string, flags: string[], script: string) =>
    berth("run", "-d", "--name", name, ...flags, "busybox", "sh", "-c", script);
  const stateOf = (name: string) =>
    berth("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}}", name);

  async function checkOthersAnswer(): Promise<void> {
    await run("other", [], "sleep 1000");
    assert.equal(await berth("exec", "other", "echo", "well"), "well");
    assert.equal(await berth("run", "--rm", "busybox", "echo", "as ever"), "as ever");
    assert.match(await berth("ps"), /other/);
  }

  async function eventsOf(name: string): Promise<string[]> {
    const { body } = await engine.api("GET", `/events?since=0&until=${Date.now() / 1000 + 0.1}`);
    const events = body
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line));
    return events.filter(({ Actor }) => Actor.Attributes.name === name).map(({ Action }) => Action);
  }

  it("that forks without end is held by --pids-limit and removed like any other", async () => {
    const bomb = "sh -c 'f() { f | f & }; while :; do f; done' 2>/dev/null & wait; wait; sleep 1000";
    await run("bomb", ["--pids-limit", "50"], `sleep 1000 & ${bomb}`);
    await checkOthersAnswer();
    assert.ok((await berth("top", "bomb")).split("\n").length <= 51);
    await berth("rm", "-f", "bomb");
  });

  it("that has no process left to start takes an exec, which says what it cannot do", async () => {
    const filling = "sh -c 'while :; do sleep 1000 & done' 2>/dev/null; exec sleep 1000";
    await run("full", ["--pids-limit", "20"], filling);
    const forking = ["sh", "-c", "sleep 0 & echo one more"];
    const { stdout, stderr } = await eventually(
      () => engine.berth(["exec", "full", ...forking]),
      ({ code }) => code !== 0,
    );
    // With cgroup v2 the runtime itself forks within the limit.
    const ofRuntime = /fork: Resource temporarily unavailable: container reached its pids limit/;
    if (stdout) assert.match(stdout, ofRuntime);
    else assert.match(stderr, /can't fork: Resource temporarily unavailable/);
    const next = await engine.berth(["exec", "full", "echo", "in"]);
    assert.match(next.stdout, stdout ? ofRuntime : /^in$/m);
    await berth("stop", "-t", "0", "full");
  });

  it("that eats its memory is killed, and that is said", async () => {
    await run("eater", ["-m", "24m"], "exec tail /dev/zero");
    await eventually(
      () => stateOf("eater"),
      (text) => text === "exited 137 true",
    );
    const actions = await eventsOf("eater");
    assert.deepEqual(actions.slice(-2), ["oom", "die"]);
    await checkOthersAnswer();
  });

  it("runs on when only a child is killed for memory, which is said as well", async () => {
    await run("partly", ["-m", "24m"], "tail /dev/zero; echo child ended with $?; sleep 1000");
    await eventually(
      () => berth("logs", "partly"),
      (text) => text === "child ended with 137",
    );
    assert.equal(await stateOf("partly"), "running 0 true");
    assert.equal((await engine.berth(["exec", "partly", "tail", "/dev/zero"])).code, 137);
    assert.equal(await berth("exec", "partly", "echo", "well"), "well");
    await berth("stop", "-t", "0", "partly");
    assert.equal(await stateOf("partly"), "exited 137 true");
    await berth("start", "partly");
    assert.match(await stateOf("partly"), /^running 0/);
  });

  it("that ignores SIGTERM is killed once the time is up", async () => {
    await run("deaf", [], "trap '' TERM; echo ready; while :; do sleep 0.1; done");
    await eventually(
      () => berth("logs", "deaf"),
      (text) => text === "ready",
    );
    await berth("stop", "-t", "1", "deaf");
    assert.equal(await stateOf("deaf"), "exited 137 false");
    assert.deepEqual((await eventsOf("deaf")).slice(-4), ["kill", "kill", "die", "stop"]);
  });

  it("gives two hundred execs at once each its own output and exit code", async () => {
    await run("busy", [], "sleep 1000");
    const ask = async (n: number) => {
      const Cmd = ["sh", "-c", `echo ${n}; exit ${n}`];
      const { Id } = await client.execs.create("busy", { Cmd, AttachStdout: true, Tty: true } as never);
      const { socket } = await client.execs.attach(Id, { Tty: true });
      const text = (await buffer(socket)).toString().trim();
      const { ExitCode } = await client.execs.inspect(Id);
      return `${text} ${ExitCode}`;
    };
    const answers = await Promise.all(Array.from({ length: 200 }, (_, n) => ask(n)));
    assert.deepEqual(
      answers,
      answers.map((_, n) => `${n} ${n}`),
    );
    assert.deepEqual(await client.check(), []);
  });

  it("tells the exit code of an exec that was killed with it", async () => {
    await run("brief", [], "sleep 1000");
    const exec = engine.berth(["exec", "brief", "sh", "-c", "echo in; sleep 1000"]);
    await eventually(
      () => berth("top", "brief"),
      (text) => text.split("\n").length > 2,
    );
    await berth("kill", "brief");
    assert.deepEqual(await exec, { stdout: "in\n", stderr: "", code: 137 });
  });

  it("is gone when fifty are run with --rm and the daemon is killed meanwhile", async () => {
    const body = {
      Image: "busybox",
      Cmd: ["sh", "-c", "sleep 0.2"],
      HostConfig: { AutoRemove: true },
    } as never;
    const started = new Set<string>();
    const runOne = async () => {
      const { Id } = await client.containers.create(body);
      await client.containers.start(Id);
      started.add(Id);
      await (await client.containers.wait(Id, "removed")).exit;
    };
    const runs = Promise.allSettled(Array.from({ length: 50 }, runOne));
    await eventually(
      () => started.size,
      (size) => size >= 20,
      1000,
    );
    await engine.restart("SIGKILL");
    await runs;
    const isOver = ({ State }: { State: string }) => State === "created";
    const left = await eventually(
      () => client.containers.list({ all: true }),
      (all) => all.every(isOver),
    );
    for (const { Id } of left) assert.ok(!started.has(Id), "what was started and has ended is gone");
    assert.deepEqual(await client.check(), []);
  });
});
