import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { openSync } from "node:fs";
import { connect } from "node:net";
import { after, it } from "node:test";
import { encode } from "dns-packet";
import { frameMessage } from "../../src/resolver/frames.ts";
import { openListener } from "../../src/resolver/listener.ts";
import { openNetnsSocket } from "../../src/sys/netns-socket.ts";
import { sendFromPortZero } from "../port-zero.ts";

const address = "127.53.0.77";
const port = 5377;
const answerBytes = 8192;
const queries = 8000;
let answered = 0;

const netns = openSync("/proc/self/ns/net", "r");
const open = (protocol: "udp" | "tcp") =>
  openNetnsSocket(netns, { protocol, family: 4, local: { address: Uint8Array.of(127, 53, 0, 77), port } });
const listener = await openListener({ udp: open("udp"), tcp: open("tcp") }, async () => {
  answered++;
  return Buffer.alloc(answerBytes);
});
after(() => listener.close());

it("a client that pipelines queries and never reads is hung up on, and not answered without end", async () => {
  const client = connect(port, address).on("error", () => {});
  const framed = frameMessage(Buffer.alloc(20));
  while (!client.destroyed && answered < queries) {
    if (client.write(framed)) await new Promise(setImmediate);
    else
      await new Promise<void>((resolve) => {
        client.once("drain", resolve).once("close", resolve);
      });
  }
  client.destroy();
  assert.ok(answered > 0 && answered < queries / 2, `${answered} of ${queries} were answered`);
});

it("a client that pipelines and reads gets every answer", async () => {
  const client = connect(port, address);
  const query = frameMessage(encode({ type: "query", id: 1, questions: [{ type: "A", name: "a" }] }));
  let got = 0;
  const all = new Promise<void>((resolve, reject) => {
    client.on("error", reject).on("close", () => reject(new Error(`closed after ${got} bytes`)));
    client.on("data", ({ length }) => {
      got += length;
      if (got === 1000 * (answerBytes + 2)) resolve();
    });
  });
  for (let sent = 0; sent < 1000; sent += 50) {
    await new Promise<void>((done) => void client.write(Buffer.concat(Array(50).fill(query)), () => done()));
  }
  await all;
  client.removeAllListeners("close").destroy();
});

it("of queries that are answered at once no more than some are taken in a turn of the event loop", async () => {
  const [near, free] = [Uint8Array.of(127, 53, 0, 78), 5378];
  const at = (protocol: "udp" | "tcp") =>
    openNetnsSocket(netns, { protocol, family: 4, local: { address: near, port: free } });
  let inTurn = 0;
  let most = 0;
  let taken = 0;
  const quick = await openListener({ udp: at("udp"), tcp: at("tcp") }, () => {
    taken++;
    inTurn++;
    most = Math.max(most, inTurn);
    if (inTurn === 1) setImmediate(() => (inTurn = 0));
    return undefined;
  });
  after(() => quick.close());
  const client = connect(free, "127.53.0.78").on("error", () => {});
  // Messages of no bytes, so that there are as many as can be.
  client.write(Buffer.alloc(16_384));
  while (taken < 8192) await new Promise(setImmediate);
  client.destroy();
  assert.ok(most <= 64, `${most} in one turn`);
});

for (const [kind, last, answer] of [
  ["at once", 79, () => Buffer.from("answer")],
  ["later", 80, async () => Buffer.from("answer")],
] as const)
  it(`a packet from port 0 is dropped, and the next one answered ${kind}`, async () => {
    const [near, free] = [Uint8Array.of(127, 53, 0, last), 5379];
    const at = (protocol: "udp" | "tcp") =>
      openNetnsSocket(netns, { protocol, family: 4, local: { address: near, port: free } });
    const asked: string[] = [];
    const listening = await openListener({ udp: at("udp"), tcp: at("tcp") }, (query) => {
      asked.push(String(query));
      return answer();
    });
    const client = createSocket("udp4");
    try {
      sendFromPortZero(Buffer.from("from nowhere"), free, near.join("."));
      const answered = once(client, "message");
      client.send("from a client", free, near.join("."));
      assert.equal(String((await answered)[0]), "answer");
      assert.deepEqual(asked, ["from a client"]);
    } finally {
      client.close();
      listening.close();
    }
  });
