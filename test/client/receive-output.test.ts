import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { after, test } from "node:test";
import { packet, packetType } from "../../src/buildkit/messages/filesync.ts";
import { connectGrpc } from "../../src/buildkit/wire/client.ts";
import type { Given, MessageOf } from "../../src/buildkit/wire/message.ts";
import { serveGrpc } from "../../src/buildkit/wire/server.ts";
import { fileSend } from "../../src/client/build/receive-output.ts";

/* A builder that sends an output otherwise than it should. */

const path = "/moby.filesync.v1.FileSend/DiffCopy";
let taken = 0;
const receiver = {
  kind: "files" as const,
  async take(content: AsyncIterable<Buffer>) {
    for await (const piece of content) taken += piece.length;
  },
};
const server = createServer((socket) => serveGrpc(socket, new Map([[path, fileSend([receiver])]])));
server.listen(0, "127.0.0.1");
await once(server, "listening");
after(() => server.close());

type Packet = Given<MessageOf<typeof packet>>;
const stat = { type: packetType.stat, stat: { path: "a", mode: 0o644, size: 10 } };
const listed = { type: packetType.stat };
const data = (id: number, text: string) => ({ type: packetType.data, id, data: Buffer.from(text) });

async function send(packets: Packet[], exporter = "0"): Promise<void> {
  const { port } = server.address() as { port: number };
  const client = connectGrpc(connect(port, "127.0.0.1"));
  try {
    const call = client.open(path, packet, packet, { "buildkit-attachable-exporter-id": exporter });
    for (const one of packets) await call.send(one);
    call.end();
    for await (const _ of call.replies);
  } finally {
    client.close();
  }
}

test("an output is taken in the order in which it is asked for", async () => {
  await send([stat, listed, data(0, "0123456789"), data(0, ""), { type: packetType.fin }]);
  assert.equal(taken % 512, 0);
  assert.ok(taken > 1024);
});

for (const [what, packets, why] of [
  ["more than it said", [stat, listed, data(0, "0123456789!")], /not asked for/],
  ["less than it said", [stat, listed, data(0, "012"), data(0, "")], /less of a file/],
  ["another file", [stat, listed, data(1, "0")], /not asked for/],
  ["content before the list has ended", [stat, { ...data(0, "0"), stat: { path: "b" } }], /too early/],
  ["nothing more", [stat, listed], /broke the transfer off/],
  ["its own failure", [stat, { type: packetType.error, data: Buffer.from("oh") }], /error from sender: oh/],
] as const)
  test(`a builder that sends ${what} is refused`, async () => {
    await assert.rejects(send([...packets]), { message: why });
  });

test("an output that none has asked for is refused", async () => {
  await assert.rejects(send([stat], "1"), { message: /no output 1 is expected/ });
});
