import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, createServer, type IncomingMessage, request } from "node:http";
import type { Readable } from "node:stream";
import { describe, it } from "node:test";
import { answerError, readPlainBody } from "../../src/ui/answer.ts";
import { createEngineLink } from "../../src/ui/engine-link.ts";
import { createLogin } from "../../src/ui/login.ts";
import { admit, passOn } from "../../src/ui/proxy.ts";
import { Refusal } from "../../src/ui/refusal.ts";
import { createUiSessions } from "../../src/ui/sessions.ts";
import { createStreams, refuseUpgrade } from "../../src/ui/streams.ts";
import { eventually } from "../engine.ts";
import { connectRaw, serve, startFakeEngine } from "./own-server.ts";

const upgrade = (path: string) =>
  `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`;

/** A client's frame under a mask of zeros. */
const frame = (opcode: number, payload = "") =>
  Buffer.concat([Buffer.from([0x80 | opcode, 0x80 | payload.length, 0, 0, 0, 0]), Buffer.from(payload)]);

/** Streams before an engine that answers nothing but 503. */
async function startStreams() {
  const engine = await startFakeEngine((_, output) => output.writeHead(503).end());
  const listeners = new Set<(message: string) => void>();
  const streams = createStreams({
    engine: createEngineLink(engine.client),
    isReadOnly: false,
    feed: {
      follow(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
  });
  const server = createServer().on("upgrade", (input, socket, head) => {
    socket.on("error", () => socket.destroy());
    try {
      streams.open(input, socket, head, new AbortController().signal);
    } catch (error) {
      refuseUpgrade(input, error);
    }
  });
  const served = await serve(server);
  return {
    ...served,
    listeners,
    async close() {
      await served.close();
      await engine.close();
    },
  };
}

describe("a client that keeps its side open", () => {
  it("holds no connection whose upgrade was refused", async () => {
    const streams = await startStreams();
    const client = await connectRaw(streams.port, upgrade("/ui/nowhere"));
    await eventually(client.received, (text) => /^HTTP\/1\.1 404 /.test(text) && text.endsWith("}"));
    await eventually(streams.connections, (count) => count === 0);
    client.socket.destroy();
    await streams.close();
  });

  it("holds no stream that the engine refused", async () => {
    const streams = await startStreams();
    const paths = ["/ui/stream?path=/events", "/ui/exec/abc", "/ui/attach/abc"];
    const clients = await Promise.all(paths.map((path) => connectRaw(streams.port, upgrade(path))));
    for (const { received } of clients) await eventually(received, (text) => text.includes('{"message"'));
    await eventually(streams.connections, (count) => count === 0);
    for (const { socket } of clients) socket.destroy();
    await streams.close();
  });

  it("cannot half-send a body for long, and learns why", async () => {
    const server = createServer((input, output) => {
      readPlainBody(input, 50).catch((error: unknown) => answerError(input, output, error));
    });
    const served = await serve(server);
    const head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{";
    const client = await connectRaw(served.port, head);
    await eventually(client.received, (text) => /^HTTP\/1\.1 408 [\s\S]*did not come in time/.test(text));
    client.socket.destroy();
    await served.close();
  });
});

describe("a client that breaks the protocol", () => {
  it("may send on after its close, and ends nothing but its own stream", async () => {
    const streams = await startStreams();
    const bytes = [Buffer.from(upgrade("/ui/live")), frame(8), frame(1, "late"), frame(9, "ping"), frame(8)];
    const client = await connectRaw(streams.port, Buffer.concat(bytes));
    await eventually(client.received, (text) => text.includes("\r\n\r\n\x88"));
    client.socket.end();
    await eventually(streams.connections, (count) => count === 0);
    assert.equal(streams.listeners.size, 0);
    await streams.close();
  });

  it("gets no answers to pings once many are unread", async () => {
    const streams = await startStreams();
    let held: IncomingMessage["socket"] | undefined;
    streams.server.on("connection", (socket) => {
      held = socket;
    });
    const client = await connectRaw(streams.port, upgrade("/ui/live"));
    await eventually(client.received, (text) => text.includes("\r\n\r\n"));
    client.socket.pause();
    const pings = Buffer.concat(Array.from({ length: 1000 }, () => frame(9, "x".repeat(125))));
    const sentBytes = 32 << 20;
    for (let sent = 0; sent < sentBytes; sent += pings.length)
      if (!client.socket.write(pings)) await once(client.socket, "drain");
    // All of them have been read, and the answers of a few megabytes at most are with the kernel.
    await eventually(
      () => held?.bytesRead ?? 0,
      (read) => read > sentBytes,
    );
    assert.ok((held?.writableLength ?? 0) <= 128 * 1024, String(held?.writableLength));
    client.socket.destroy();
    await streams.close();
  });
});

it("a page that does not read misses what comes, and has no memory filled with it", async (test) => {
  const streams = await startStreams();
  test.after(streams.close);
  const client = await connectRaw(streams.port, upgrade("/ui/live"));
  await eventually(client.received, (text) => text.includes("\r\n\r\n"));
  client.socket.pause();
  const tell = (message: string) => {
    for (const listener of streams.listeners) listener(message);
  };
  for (let count = 0; count < 1000; count++) {
    tell("x".repeat(100_000));
    await new Promise((resolve) => setImmediate(resolve));
  }
  client.socket.resume();
  await eventually(
    () => {
      tell("the last");
      return client.received().endsWith("the last");
    },
    (isThere) => isThere,
  );
  // What the kernel takes is with the kernel.
  assert.ok(client.received().length < 40e6, String(client.received().length));
  client.socket.destroy();
});

it("counts wrong tries whose bodies come after all their heads", async () => {
  const login = createLogin({
    sessions: createUiSessions(),
    ...{ isTls: false, isReadOnly: false, checkPassword: undefined, announce: () => {} },
  });
  const waiting: IncomingMessage[] = [];
  const server = createServer((input, output) => {
    waiting.push(input);
    login.enter(input, output).catch((error: unknown) => answerError(input, output, error));
  });
  const served = await serve(server);
  const body = '{"token":"x"}';
  const head = `POST /ui/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
  const clients = await Promise.all(Array.from({ length: 20 }, () => connectRaw(served.port, head)));
  await eventually(
    () => waiting.length,
    (count) => count === clients.length,
  );
  for (const { socket } of clients) socket.write(body);
  for (const { received } of clients) await eventually(received, (text) => text.endsWith("}"));
  const statuses = clients.map(({ received }) => received().slice(9, 12));
  assert.equal(statuses.filter((status) => status === "429").length, 16, String(statuses));
  for (const { socket } of clients) socket.destroy();
  await served.close();
});

it("an upload that the engine refused is let go, and its connection goes on", async () => {
  const calls: { refuse(error: Error): void; stream: Readable }[] = [];
  const asked: IncomingMessage[] = [];
  /** An engine that reads nothing of what it gets. */
  const transport = {
    stream: (_: string, __: string, { stream }: { stream: Readable }) =>
      new Promise((_resolve, refuse) => calls.push({ refuse, stream })),
  };
  const engine = { client: async () => ({ transport }), forget() {} } as never;
  const server = createServer((input, output) => {
    asked.push(input);
    const session = new AbortController().signal;
    const call = admit("POST", "/containers/create", { engine, isReadOnly: false });
    passOn(call, input, output, { engine, isReadOnly: false, session }).catch((error: unknown) =>
      answerError(input, output, error),
    );
  });
  const served = await serve(server);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  // More than is taken out of a request while the engine reads nothing, and as much as is read of its connection.
  for (const [index, bytes] of [100 * 1024, 2].entries()) {
    const outgoing = request({ host: "127.0.0.1", port: served.port, method: "POST", agent });
    const answered = once(outgoing, "response");
    outgoing.end(Buffer.alloc(bytes));
    await eventually(
      () => asked[index]?.complete && calls.length > index,
      (isThere) => isThere === true,
    );
    calls[index]?.refuse(new Refusal(409, "in use"));
    const [answer] = (await answered) as [IncomingMessage];
    assert.equal(answer.statusCode, 409);
    await once(answer.resume(), "end");
    assert.equal(calls[index]?.stream.destroyed, true, "no timer waits for more of it");
  }
  assert.equal(asked[0]?.socket, asked[1]?.socket);
  agent.destroy();
  await served.close();
});

it("an upload that stops while the engine does not answer is given up, and nothing else ends", async (test) => {
  test.mock.timers.enable({ apis: ["setTimeout"] });
  const engine = { client: () => new Promise(() => {}), forget() {} } as never;
  const { promise: begun, resolve: begin } = Promise.withResolvers<IncomingMessage>();
  const { promise: ended, resolve: end } = Promise.withResolvers<unknown>();
  const server = createServer((input, output) => {
    begin(input);
    const session = new AbortController().signal;
    const call = admit("POST", "/containers/create", { engine, isReadOnly: false });
    passOn(call, input, output, { engine, isReadOnly: false, session }).catch(end);
  });
  const served = await serve(server);
  test.after(served.close);
  const outgoing = request({ host: "127.0.0.1", port: served.port, method: "POST", agent: false });
  outgoing.on("error", () => {});
  outgoing.end(Buffer.alloc(200 * 1024));
  const input = await begun;
  const closed = new Promise((resolve) => input.once("close", resolve));
  test.mock.timers.tick(60_000);
  await closed;
  await ended;
});
