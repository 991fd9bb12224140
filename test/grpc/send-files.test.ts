import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { after, test } from "node:test";
import { connectGrpc } from "../../src/buildkit/wire/client.ts";
import { serveGrpc } from "../../src/buildkit/wire/server.ts";
import { sendArchive, sendFiles } from "../../src/grpc/send-files.ts";

/* A client that begins a transfer, and then does nothing for it. */

const idle = {
  async handle(stream: { once(event: "close", listener: () => void): unknown }) {
    await new Promise<void>((resolve) => stream.once("close", resolve));
  },
};
const server = createServer((socket) =>
  serveGrpc(socket, new Map([["/moby.filesync.v1.FileSend/DiffCopy", idle]])),
);
server.listen(0, "127.0.0.1");
await once(server, "listening");
after(() => server.close());

async function withClient(use: (client: ReturnType<typeof connectGrpc>) => Promise<void>): Promise<void> {
  const { port } = server.address() as { port: number };
  const client = connectGrpc(connect(port, "127.0.0.1"));
  try {
    await use(client);
  } finally {
    client.close();
  }
}

const late = { kind: "unavailable", message: "the client did not take what was sent to it in time" };

test("a client that asks for nothing is given up", () =>
  withClient(async (client) => {
    async function* entries() {
      yield {
        entry: {
          ...{ path: "a", type: "file" as const, mode: 0o644, uid: 0, gid: 0, sizeBytes: 1 },
          mtime: { seconds: 0, nanoseconds: 0 },
        },
      };
    }
    await assert.rejects(sendFiles(client, 0, entries(), 50), late);
  }));

test("a client that takes nothing of an archive is given up", () =>
  withClient(async (client) => {
    async function* chunks() {
      for (;;) yield Buffer.alloc(64 * 1024);
    }
    await assert.rejects(sendArchive(client, 0, chunks(), {}, 50), late);
  }));

test("a client that takes an archive and says nothing to its end is given up", () =>
  withClient(async (client) => {
    async function* chunks() {
      yield Buffer.alloc(10);
    }
    await assert.rejects(sendArchive(client, 0, chunks(), {}, 50), late);
  }));
