import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { setImmediate } from "node:timers/promises";
import { Channel } from "../../src/supervisor/channel.ts";
import type { Stdio } from "../../src/supervisor/stdio.ts";

const folder = mkdtempSync(join(tmpdir(), "berth-channel-"));
const server = createServer({ allowHalfOpen: true }).listen(join(folder, "s"));
after(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

async function connectClient() {
  const client = connect({ path: join(folder, "s"), allowHalfOpen: true });
  const [socket] = (await once(server, "connection")) as [Socket];
  return { client, socket };
}

const helloOf = (client: string) =>
  ({ role: "attach", process: "p", client, stdin: true, stdout: true, stderr: true }) as const;

describe("a channel's input", () => {
  async function joinClient(name: string) {
    const { client, socket } = await connectClient();
    const channel = new Channel(folder);
    let closed = 0;
    const stdio = { write: () => true, closeInput: () => void closed++ } as unknown as Stdio;
    channel.attach(helloOf(name), socket);
    channel.open(stdio, true);
    return { client, socket, channel, closed: () => closed };
  }

  it("stays open when a connection ends, which may be the end of the daemon", async () => {
    const { client, socket, closed } = await joinClient("a");
    client.destroy();
    await once(socket, "end");
    assert.equal(closed(), 0);
    socket.destroy();
  });

  it("closes once, whichever comes first: the word that it ends, or the end", async () => {
    for (const wordFirst of [true, false]) {
      const { client, socket, channel, closed } = await joinClient("a");
      if (wordFirst) channel.closeInput("a");
      client.end("last words");
      await once(socket, "end");
      if (!wordFirst) channel.closeInput("a");
      socket.destroy();
      await once(socket, "close");
      assert.equal(closed(), 1, `word first: ${wordFirst}`);
      client.destroy();
    }
  });

  it("is not closed for a client of an earlier run", async () => {
    const { client, socket, channel, closed } = await joinClient("a");
    channel.closeInput("of the run before");
    assert.equal(closed(), 0);
    client.destroy();
    socket.destroy();
  });
});

it("a channel remembers no clients whose end says nothing, however many come, nor any once its input is closed", async () => {
  const channel = new Channel(folder);
  const stdio = { write: () => true, closeInput() {} } as unknown as Stdio;
  const come = async (name: string, closesInput: boolean) => {
    const { client, socket } = await connectClient();
    channel.attach({ ...helloOf(name), closesInput }, socket);
    client.destroy();
    await once(socket, "end");
    socket.destroy();
    await once(socket, "close");
  };
  await come("early", false);
  assert.equal(channel.remembered, 1);
  await channel.whenAttached("early", new AbortController().signal);
  channel.open(stdio, true);
  for (let n = 0; n < 20; n++) await come(`late ${n}`, false);
  channel.closeInput("of the run before");
  assert.equal(channel.remembered, 0);
  await come("closing", true);
  assert.equal(channel.remembered, 1);
  channel.closeInput("closing");
  await come("another", true);
  channel.closeInput("another");
  assert.equal(channel.remembered, 0);
});

describe("a client of a channel whose input is not read", () => {
  /** A process that has taken one piece of input and takes no more. */
  async function joinHeldBack() {
    const { client, socket } = await connectClient();
    const channel = new Channel(folder);
    const taken: Buffer[] = [];
    const stdio = { write: (chunk: Buffer) => taken.push(chunk) < 0, onceWritable() {}, closeInput() {} };
    channel.attach(helloOf("a"), socket);
    channel.open(stdio as unknown as Stdio, true);
    client.on("error", () => {});
    client.write(Buffer.alloc(4 << 20));
    while (taken.length === 0) await setImmediate();
    assert.ok(socket.isPaused());
    const takenBytes = () => Buffer.concat(taken).length;
    return { client, socket, channel, takenBytes, closed: once(socket, "close") };
  }

  it("is let go once it is gone, and what it had sent is taken", async () => {
    const { client, takenBytes, closed } = await joinHeldBack();
    const before = takenBytes();
    client.destroy();
    await closed;
    assert.ok(takenBytes() > before);
  });

  it("is let go once the process has ended", async () => {
    const { client, channel, takenBytes, closed } = await joinHeldBack();
    const before = takenBytes();
    channel.close();
    client.resume().end();
    await closed;
    assert.equal(takenBytes(), before);
  });
});

describe("a channel that waits for a client", () => {
  const { signal } = new AbortController();
  const isSettled = (promise: Promise<void>) => Promise.race([promise.then(() => true), setImmediate(false)]);

  it("goes on when that one is there, not another, and at once when it has been there", async () => {
    const channel = new Channel(folder);
    const waiting = channel.whenAttached("b", signal);
    const clients = [];
    for (const name of ["a", "b"]) {
      assert.equal(await isSettled(waiting), false);
      const { client, socket } = await connectClient();
      channel.attach(helloOf(name), socket);
      clients.push(client, socket);
    }
    await waiting;
    await channel.whenAttached("b", signal);
    for (const one of clients) one.destroy();
    await once(clients.at(-1)!, "close");
    await channel.whenAttached("b", signal);
  });

  it("goes on when it will not come any more", async () => {
    const channel = new Channel(folder);
    const gone = new AbortController();
    const waiting = channel.whenAttached("b", gone.signal);
    assert.equal(await isSettled(waiting), false);
    gone.abort();
    await waiting;
    await channel.whenAttached("b", gone.signal);
  });
});
