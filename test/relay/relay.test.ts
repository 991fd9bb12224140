import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server } from "node:net";
import { after, before, describe, test } from "node:test";
import { encodeIpAddress, ipAddress } from "../../src/formats/ip-address.ts";
import { createRelay } from "../../src/relay/relay.ts";
import type { Relay } from "../../src/supervisor-protocol/relays.ts";
import { listenAtPort, releasePort, reservePort } from "../../src/sys/port-socket.ts";
import { startTicks } from "../../src/sys/process.ts";
import { eventually } from "../engine.ts";
import { sendFromPortZero } from "../port-zero.ts";

/** Answers in turn what it was asked, and ends when its client has. */
function startServer(host: string, word: string): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {});
    socket.on("data", (text) => socket.write(`${word} ${text}`));
    socket.on("end", () => socket.end(`${word} is done`));
  });
  return new Promise((resolve) => server.listen(0, host, () => resolve(server)));
}

const portOf = (server: Server) => (server.address() as AddressInfo).port;

/** What comes back when a text is sent, and then the end. */
function ask(port: number, text: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: "::1", port, allowHalfOpen: true });
    let answer = "";
    socket.on("error", (error) => resolve(`${(error as NodeJS.ErrnoException).code}`));
    socket.on("data", (chunk) => {
      answer += chunk;
    });
    socket.on("end", () => {
      socket.destroy();
      resolve(answer);
    });
    socket.end(text);
  });
}

/** A port of ::1 that is taken by a socket of this process, as the daemon has it. */
function takePort(): { port: number; fd: number } {
  for (let port = 20_000 + Math.floor(Math.random() * 10_000); ; port++) {
    try {
      return { port, fd: reservePort("tcp", encodeIpAddress(ipAddress("::1")), port)! };
    } catch {
      // The next one may be free.
    }
  }
}

describe("relayed ports", () => {
  const relay = createRelay();
  const self = { pid: process.pid, startTicks: startTicks(process.pid) ?? 0 };
  let one: Server;
  let other: Server;
  before(async () => {
    one = await startServer("127.0.0.1", "one");
    other = await startServer("::1", "other");
  });
  after(async () => {
    await relay.syncRelays({ owners: [] });
    for (const server of [one, other]) server.close();
  });

  const tcp = (port: number, to: Server, more: Partial<Relay> = {}): Relay => ({
    ...{ protocol: "tcp", address: "::1", port, targetPort: portOf(to) },
    target: (to.address() as AddressInfo).address,
    ...more,
  });

  test("carry connections with both their ends, of any length, and many at once", async () => {
    const { port, fd } = takePort();
    releasePort(fd);
    await relay.putRelays({ id: "a", relays: [tcp(port, one)] });
    assert.equal(await ask(port, "hello"), "one helloone is done");
    const answers = await Promise.all(Array.from({ length: 200 }, (_, n) => ask(port, `x${n}`)));
    assert.deepEqual(
      answers,
      Array.from({ length: 200 }, (_, n) => `one x${n}one is done`),
    );
    const long = "y".repeat(5_000_000);
    assert.ok((await ask(port, long)).length > long.length);
    // Connections that are there stay; those that come go elsewhere.
    const waiting = connect({ host: "::1", port });
    await once(waiting, "connect");
    waiting.write("still");
    await once(waiting, "data");
    await relay.putRelays({ id: "a", relays: [tcp(port, other)] });
    assert.equal(await ask(port, "hello"), "other helloother is done");
    waiting.write("here");
    assert.match(String((await once(waiting, "data"))[0]), /^one here/);
    const closed = once(waiting, "close");
    waiting.on("error", () => {});
    await relay.putRelays({ id: "a", relays: [] });
    await closed;
    assert.equal(await ask(port, "hello"), "ECONNREFUSED");
  });

  test("look after the ends of a connection that says nothing", async () => {
    const { port, fd } = takePort();
    releasePort(fd);
    await relay.putRelays({ id: "a", relays: [tcp(port, one)] });
    const client = connect({ host: "::1", port });
    client.write("still");
    await once(client, "data");
    for (const ends of [`sport = :${port}`, `dport = :${portOf(one)}`]) {
      const list = () => execFileSync("ss", ["-tnoH", "state", "established", ends], { encoding: "utf8" });
      await eventually(list, (text) => /timer:\(keepalive,[\d.]+(sec|ms),/.test(text));
    }
    client.destroy();
    await relay.putRelays({ id: "a", relays: [] });
  });

  test("break off when the container refuses, or nothing is there", async () => {
    const { port, fd } = takePort();
    releasePort(fd);
    const gone = await startServer("127.0.0.1", "gone");
    const relays = [tcp(port, gone)];
    gone.close();
    await relay.putRelays({ id: "a", relays });
    assert.match(await ask(port, "hello"), /^(ECONNRESET|)$/);
    await relay.putRelays({ id: "a", relays: [] });
  });

  test("go on with the socket that a client may have connected to already", async () => {
    const { port, fd } = takePort();
    listenAtPort(fd);
    const early = ask(port, "early");
    await relay.putRelays({ id: "a", relays: [tcp(port, one, { socket: { ...self, fd } })] });
    assert.equal(await early, "one earlyone is done");
    releasePort(fd);
    assert.equal(await ask(port, "late"), "one lateone is done", "though the daemon's copy is closed");
    await relay.syncRelays({
      owners: [{ id: "b", relays: [tcp(port, other, { socket: { ...self, fd } })] }],
    });
    assert.equal(await ask(port, "new"), "other newother is done", "a socket that is gone is made again");
    const strange = { pid: 1, startTicks: 12345, fd: 3 };
    await relay.syncRelays({ owners: [{ id: "c", relays: [tcp(port, one, { socket: strange })] }] });
    assert.equal(await ask(port, "new"), "one newone is done", "nor is one of another process taken");
    await relay.syncRelays({ owners: [] });
    assert.equal(await ask(port, "hello"), "ECONNREFUSED");
  });

  test("of which one cannot be had leave the others as they are", async () => {
    const [taken, free] = [takePort(), takePort()];
    releasePort(free.fd);
    listenAtPort(taken.fd);
    const relays = [tcp(taken.port, one), tcp(free.port, one)];
    await assert.rejects(relay.putRelays({ id: "a", relays }), { code: "EADDRINUSE" });
    assert.equal(await ask(free.port, "hello"), "one helloone is done");
    await relay.syncRelays({ owners: [{ id: "a", relays }] });
    assert.equal(await ask(free.port, "hello"), "one helloone is done");
    releasePort(taken.fd);
    await relay.syncRelays({ owners: [] });
  });

  test("carry packets, and to each client its own answers", async () => {
    const server = createSocket("udp4");
    /** Where the server sees the client that goes on talking. */
    const talkers = new Set<number>();
    server.on("message", (text, { port, address }) => {
      if (String(text) === "talk") talkers.add(port);
      server.send(`echo ${text}`, port, address);
    });
    await new Promise<void>((resolve) => server.bind(0, "127.0.0.1", resolve));
    const { port, fd } = takePort();
    releasePort(fd);
    const target = { target: "127.0.0.1", targetPort: server.address().port };
    await relay.putRelays({ id: "u", relays: [{ protocol: "udp", address: "::1", port, ...target }] });
    const clients = Array.from({ length: 20 }, () => createSocket("udp6"));
    for (const [number, client] of clients.entries()) {
      const answer = once(client, "message");
      client.send(`from ${number}`, port, "::1");
      assert.equal(String((await answer)[0]), `echo from ${number}`);
    }
    const talk = async () => {
      const answer = once(clients[1]!, "message");
      const sending = setInterval(() => clients[1]!.send("talk", port, "::1"), 50);
      clients[1]!.send("talk", port, "::1");
      await answer;
      clearInterval(sending);
    };
    // More than are kept: the silent ones make room, and come again.
    for (let sent = 0; sent < 1100; sent++) {
      if (sent % 100 === 0) await talk();
      const client = createSocket("udp6");
      const done = new Promise((resolve) => client.send("flood", port, "::1", resolve));
      await done;
      client.close();
    }
    const again = once(clients[0]!, "message");
    // So many at once, and one may be lost.
    const sending = setInterval(() => clients[0]!.send("again", port, "::1"), 50);
    assert.equal(String((await again)[0]), "echo again");
    clearInterval(sending);
    await talk();
    assert.equal(talkers.size, 1, "one that goes on talking is kept");
    for (const socket of [...clients, server]) socket.close();
    await relay.putRelays({ id: "u", relays: [] });
  });

  test("drop packets from port 0, where no answer can go", async () => {
    const server = createSocket("udp4");
    const heard: string[] = [];
    server.on("message", (text, { port, address }) => {
      heard.push(String(text));
      server.send(`echo ${text}`, port, address);
    });
    await new Promise<void>((resolve) => server.bind(0, "127.0.0.1", resolve));
    const { port, fd } = takePort();
    releasePort(fd);
    const target = { target: "127.0.0.1", targetPort: server.address().port };
    await relay.putRelays({ id: "z", relays: [{ protocol: "udp", address: "::1", port, ...target }] });
    const client = createSocket("udp6");
    sendFromPortZero(Buffer.from("from nowhere"), port, "::1");
    for (const text of ["first", "second"]) {
      const answer = once(client, "message");
      client.send(text, port, "::1");
      assert.equal(String((await answer)[0]), `echo ${text}`);
    }
    assert.deepEqual(heard, ["first", "second"]);
    for (const socket of [client, server]) socket.close();
    await relay.putRelays({ id: "z", relays: [] });
  });
});
