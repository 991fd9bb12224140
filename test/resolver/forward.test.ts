import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import { after, it } from "node:test";
import { decode, encode } from "dns-packet";
import { askServer, type Server } from "../../src/resolver/ask-server.ts";
import { createForwarder } from "../../src/resolver/forward.ts";
import { createMessageReader, frameMessage } from "../../src/resolver/frames.ts";
import { parseServers } from "../../src/resolver/servers.ts";

const query = encode({ type: "query", id: 99, questions: [{ name: "up.example", type: "A" }] });
const respond = (code: number, asked = query) =>
  encode({
    type: "response",
    id: asked.readUInt16BE(0),
    flags: code,
    questions: [{ name: "up.example", type: "A" }],
  });
const codeOf = (answer: Buffer | undefined) => answer && (answer[3] ?? 0) & 15;
const closing: (() => void)[] = [];
after(() => {
  for (const close of closing) close();
});

type Behaviour = number | "silent" | "dead" | "late";

/** Each server by what it does: a code that it answers with, "silent", "dead", or "late": it answers when another is asked. */
const forward = (...behaviours: Behaviour[]) => forwardFrom(undefined, ...behaviours);

async function forwardFrom(from: Server["from"], ...behaviours: Behaviour[]) {
  const asked: string[] = [];
  let askOther = () => {};
  const forwarder = createForwarder(async (_query, _transport, { address }, signal) => {
    asked.push(address);
    askOther();
    const behaviour = behaviours[Number(address)];
    if (typeof behaviour === "number") return respond(behaviour);
    if (behaviour === "late") {
      await new Promise<void>((resolve) => {
        askOther = resolve;
      });
      return respond(0);
    }
    if (behaviour === "silent")
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    return undefined;
  });
  const servers = behaviours.map((_, number): Server => ({ address: String(number), ...(from && { from }) }));
  const asker = {};
  const answer = await forwarder.forward(query, "udp", servers, asker);
  return {
    answer: codeOf(answer),
    asked,
    again: (by: object = asker) => forwarder.forward(query, "udp", servers, by).then(() => asked),
  };
}

it("the first server answers, and that a name does not exist is an answer", async () => {
  assert.deepEqual((await forward(0, 0)).asked, ["0"]);
  assert.equal((await forward(3, 0)).answer, 3);
});
it("the next one is asked when one fails, refuses, is dead or silent", async () => {
  for (const behaviour of [2, 5, "dead", "silent"] as const) {
    const { answer, asked } = await forward(behaviour, 0);
    assert.equal(answer, 0, String(behaviour));
    assert.deepEqual(asked, ["0", "1"]);
  }
});
it("when all refuse, that is the answer; three are asked at most", async () => {
  const { answer, asked } = await forward(5, "dead", 2, 0);
  assert.equal(answer, 2);
  assert.deepEqual(asked, ["0", "1", "2"]);
  assert.equal((await forward("dead")).answer, undefined);
  assert.equal((await forward()).answer, undefined);
});
it("a server that did not answer is asked last for a while", async () => {
  for (const behaviour of ["dead", "silent"] as const)
    for (const from of [undefined, { netns: -1 }]) {
      const { again } = await forwardFrom(from, behaviour, 0);
      assert.deepEqual(await again(), ["0", "1", "1"], behaviour);
    }
});
it("that a server did not answer one container changes nothing for another", async () => {
  for (const behaviour of ["dead", "silent"] as const) {
    const { again } = await forward(behaviour, 0);
    assert.deepEqual(await again({}), ["0", "1", "0", "1"], behaviour);
  }
});
it("a server whose answer came late, but first, is trusted as before", async () => {
  const { again } = await forward("late", "silent");
  assert.deepEqual(await again(), ["0", "1", "0", "1"]);
});
it("servers are asked by UDP and TCP, and a forged answer is passed over", async () => {
  const address = "127.53.0.1";
  const udp = createSocket("udp4");
  udp.on("message", (asked, { port }) => {
    const forged = respond(0, asked);
    forged.writeUInt16BE((forged.readUInt16BE(0) + 1) & 0xffff, 0);
    udp.send(forged, port, "127.0.0.1");
    udp.send(respond(3, asked), port, "127.0.0.1");
  });
  await new Promise<void>((resolve) => udp.bind(53, address, resolve));
  const tcp = createServer((socket) => {
    const read = createMessageReader((asked) => {
      const framed = frameMessage(respond(0, asked));
      socket.write(framed.subarray(0, 3));
      setTimeout(() => socket.write(framed.subarray(3)), 20);
    });
    socket.on("data", read);
  });
  await new Promise<void>((resolve) => tcp.listen(53, address, resolve));
  closing.push(
    () => udp.close(),
    () => tcp.close(),
  );
  const signal = AbortSignal.timeout(60_000);
  const byUdp = await askServer(query, "udp", { address }, signal);
  assert.deepEqual([codeOf(byUdp), byUdp && decode(byUdp).id], [3, 99]);
  const byTcp = await askServer(query, "tcp", { address }, signal);
  assert.deepEqual([codeOf(byTcp), byTcp && decode(byTcp).id], [0, 99]);
});
it("a server that nobody is at, or that cannot be one, is none", async () => {
  for (const address of ["127.53.0.2", "not-an-address", "::1"])
    for (const transport of ["udp", "tcp"] as const)
      assert.equal(await askServer(query, transport, { address }, AbortSignal.timeout(300)), undefined);
});
it("a container that has gone asks no server, and its question ends", async () => {
  for (const transport of ["udp", "tcp"] as const) {
    const server: Server = { address: "127.53.0.1", from: { netns: -1 } };
    assert.equal(await askServer(query, transport, server, AbortSignal.timeout(60_000)), undefined);
  }
  const forwarder = createForwarder(async (_query, _transport, { address }) => {
    if (address === "0") throw new Error("no descriptor is left");
    return respond(0);
  });
  const answer = await forwarder.forward(query, "tcp", [{ address: "0" }, { address: "1" }], {});
  assert.equal(codeOf(answer), 0);
});
it("the machine's servers are those of its resolv.conf", () => {
  const text =
    "# nameserver 1.1.1.1\nnameserver 10.0.0.1\n  nameserver\tfe80::1%eth0 \nsearch a\nnameserver\n";
  assert.deepEqual(parseServers(text), ["10.0.0.1", "fe80::1%eth0"]);
});
it("messages come out of a stream whole, however it is cut", () => {
  const messages = [Buffer.alloc(0), Buffer.from("a"), Buffer.alloc(65535, 1)];
  const stream = Buffer.concat(messages.map(frameMessage));
  for (const size of [1, 2, 3, 1000, stream.length]) {
    const seen: Buffer[] = [];
    const read = createMessageReader((message) => void seen.push(Buffer.from(message)));
    for (let at = 0; at < stream.length; at += size) read(stream.subarray(at, at + size));
    assert.deepEqual(
      seen.map(({ length }) => length),
      [0, 1, 65535],
    );
  }
});
