import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { after, it } from "node:test";
import { output, startEngine } from "../engine.ts";

const openFiles = 600;
const sockets: Socket[] = [];
after(() => {
  for (const socket of sockets) socket.destroy();
});

it("idle connections to a port leave the engine room to work, and the unix socket open", async () => {
  const limit = (pid: number, files: number) =>
    execFileSync("prlimit", ["--pid", String(pid), `--nofile=${files}:${files}`]);
  // The engine inherits the limit, and goes by it; what it has beyond half of them is made little afterwards.
  limit(process.pid, openFiles);
  const engine = await startEngine(["-H", "tcp://127.0.0.1:0"]);
  const port = await engine.tcpPort();
  await output(engine.berth, ["image", "make", "busybox"]);
  limit(engine.pid(), openFiles - 200);
  let refused = 0;
  for (let n = 0; n < openFiles - 150; n++) {
    const socket = connect(port, "127.0.0.1").on("error", () => {});
    socket.once("close", () => refused++);
    sockets.push(socket);
    await once(socket, "connect");
  }
  assert.equal(await output(engine.berth, ["run", "--rm", "busybox", "echo", "hello"]), "hello");
  assert.ok(refused > 0, "all connections were kept");
  for (const socket of sockets) socket.destroy();
  const answer = await fetch(`http://127.0.0.1:${port}/_ping`);
  assert.equal(await answer.text(), "OK");
  await engine.stop();
});
