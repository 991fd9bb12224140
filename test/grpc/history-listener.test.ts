import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { test } from "node:test";
import { historyEvent, historyRequest } from "../../src/buildkit/messages/control.ts";
import { connectGrpc } from "../../src/buildkit/wire/client.ts";
import { serveGrpc } from "../../src/buildkit/wire/server.ts";
import type { Door } from "../../src/grpc/door.ts";
import { historyMethods } from "../../src/grpc/history.ts";

type Listener = Parameters<Door["historyListeners"]["tell"]>[0];

test("a client that listens for builds and does not read has few of them kept for it", async (t) => {
  const listeners = new Set<(event: Listener) => void>();
  const door = {
    historyListeners: { listeners },
    history: { list: async () => [] },
    jobs: { list: () => [] },
  } as unknown as Door;
  const server = createServer((socket) => serveGrpc(socket, new Map(historyMethods(door))));
  t.after(() => server.close());
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as { port: number };
  const client = connectGrpc(connect(port, "127.0.0.1"));
  t.after(() => client.close());
  const call = client.open("/moby.buildkit.v1.Control/ListenBuildHistory", historyRequest, historyEvent);
  await call.send({});
  call.end();
  while (listeners.size === 0) await new Promise(setImmediate);
  const count = 2000;
  const frontendAttrs = new Map([["build-arg:A", "x".repeat(64 * 1024)]]);
  for (let number = 0; number < count; number++) {
    for (const tell of listeners) tell({ type: 1, record: { ref: `${number}`, frontendAttrs } });
    if (number % 10 === 0) await new Promise(setImmediate);
  }
  let received = 0;
  const reading = (async () => {
    for await (const _ of call.replies) received++;
  })();
  // The call is ended before all that was sent is read.
  await assert.rejects(reading);
  assert.ok(received < count / 2, `${received} were kept`);
  assert.equal(listeners.size, 0);
});
