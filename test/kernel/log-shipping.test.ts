import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { describe, it } from "node:test";
import { eventually, supervisorOf, useEngine } from "../engine.ts";

/** A syslog server that can be away, and one that takes connections and reads nothing. */
async function serveSyslog({ reads = true } = {}) {
  const received: string[] = [];
  const sockets = new Set<Socket>();
  let port = 0;
  const create = () =>
    createServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => sockets.delete(socket));
      let rest = "";
      if (!reads) return void socket.pause();
      socket.on("data", (bytes) => {
        const lines = (rest + bytes).split("\n");
        rest = lines.pop() ?? "";
        received.push(...lines.map((line) => line.replace(/^.*?\]: /, "")));
      });
    });
  let server = create();
  const start = async () => {
    server = create();
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    ({ port } = server.address() as AddressInfo);
  };
  const stop = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
  await start();
  return {
    received,
    start,
    stop,
    options: ["--log-driver", "syslog", "--log-opt", `syslog-address=tcp://127.0.0.1:${port}`],
  };
}

describe("a log that goes elsewhere", () => {
  // The supervisor is killed.
  const { engine, berth } = useEngine(/the supervisor was lost/);
  const count = 400;
  const all = Array.from({ length: count }, (_, n) => `line${n}`);
  const counting = `i=0; while [ $i -lt ${count} ]; do echo line$i; i=$((i+1)); sleep 0.01; done`;
  const missing = (received: string[]) => all.filter((line) => !received.includes(line));

  it("arrives line for line over ends of server, daemon and supervisor", async () => {
    const server = await serveSyslog();
    await berth("run", "-d", "--name", "said", ...server.options, "busybox", "sh", "-c", counting);
    const grows = async () => {
      const before = server.received.length;
      await eventually(
        () => server.received.length,
        (length) => length > before,
      );
    };
    await grows();
    await server.stop();
    await engine.restart("SIGKILL");
    await server.start();
    await grows();
    process.kill(supervisorOf(engine), "SIGKILL");
    await grows();
    assert.equal(await berth("wait", "said"), "0");
    await eventually(
      () => missing(server.received),
      (lines) => lines.length === 0,
    );
    assert.deepEqual((await berth("logs", "said")).split("\n"), all);
    assert.equal(await berth("inspect", "-f", "{{.LogPath}}", "said"), "");
    await berth("rm", "said");
    await server.stop();
  });

  it("waits here for a server that is away, longer than container and daemon live", async () => {
    const server = await serveSyslog();
    await server.stop();
    const quick = counting.replace(" sleep 0.01;", "");
    assert.match(
      await berth("run", "--name", "early", ...server.options, "busybox", "sh", "-c", quick),
      /line399$/,
    );
    await engine.restart("SIGTERM");
    await server.start();
    await eventually(
      () => missing(server.received),
      (lines) => lines.length === 0,
    );
    // What the next run says is sent on from there.
    await berth("start", "-a", "early");
    await eventually(
      () => server.received.filter((line) => line === "line399").length,
      (times) => times >= 2,
    );
    assert.ok(server.received.length < 4 * count, "it is sent twice at most");
    await berth("rm", "early");
    await server.stop();
  });

  it("holds up neither its container nor a stop when nothing of it is read", async () => {
    const server = await serveSyslog({ reads: false });
    const flood = "trap 'exit 7' TERM; yes | head -c 30000000; echo last; while :; do sleep 0.1; done";
    await berth("run", "-d", "--name", "loud", ...server.options, "busybox", "sh", "-c", flood);
    await eventually(
      () => berth("logs", "--tail", "1", "loud"),
      (text) => text === "last",
    );
    await berth("stop", "loud");
    assert.equal(await berth("inspect", "-f", "{{.State.ExitCode}}", "loud"), "7");
    await berth("rm", "loud");
    await server.stop();
  });

  it("is sent before a container removes itself, which waits for a server no longer than some seconds", async () => {
    const server = await serveSyslog();
    await server.stop();
    const run = ["run", "--rm", "--name", "short", ...server.options, "busybox", "echo"];
    const running = berth(...run, "said");
    await eventually(
      () => berth("ps", "-aq", "--filter", "name=short", "--filter", "status=exited"),
      (ids) => ids !== "",
    );
    await server.start();
    assert.equal(await running, "said");
    assert.deepEqual(server.received, ["said"]);
    assert.equal(await berth("ps", "-aq", "--filter", "name=short"), "");
    await server.stop();
    const begun = performance.now();
    assert.equal(await berth(...run, "lost"), "lost");
    assert.ok(performance.now() - begun < 9000);
    assert.equal(await berth("ps", "-aq", "--filter", "name=short"), "");
  });

  it("is sent before a container is removed that has ended while there was no daemon, or right before", async () => {
    const server = await serveSyslog();
    await server.stop();
    const run = ["run", "-d", "--rm", ...server.options];
    await berth(...run, "--name", "before", "busybox", "echo", "before");
    await berth(...run, "--name", "while", "busybox", "sh", "-c", "echo while; exec sleep 100");
    const pid = Number(await berth("inspect", "-f", "{{.State.Pid}}", "while"));
    await eventually(
      () => berth("ps", "-aq", "--filter", "name=before", "--filter", "status=exited"),
      (ids) => ids !== "",
    );
    const restarted = engine.restart("SIGKILL");
    process.kill(pid, "SIGKILL");
    await restarted;
    await server.start();
    await eventually(
      () => berth("ps", "-aq"),
      (ids) => ids === "",
    );
    assert.deepEqual(server.received.sort(), ["before", "while"]);
    await server.stop();
  });

  it("is read here unless that is not wanted", async () => {
    const server = await serveSyslog();
    await berth(
      "run",
      "--name",
      "away",
      ...server.options,
      "--log-opt",
      "cache-disabled=true",
      "busybox",
      "echo",
      "x",
    );
    const { stderr } = await engine.berth(["logs", "away"]);
    assert.match(stderr, /configured logging driver does not support reading/);
    await eventually(
      () => server.received,
      (received) => received.includes("x"),
    );
    await berth("rm", "away");
    await server.stop();
  });
});
