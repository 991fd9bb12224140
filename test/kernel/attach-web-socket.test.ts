import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, it } from "node:test";
import { eventually, useEngine } from "../engine.ts";
import { openRaw } from "../raw-connection.ts";

describe("attach over WebSocket", () => {
  const { engine, berth } = useEngine(undefined, ["-H", "tcp://127.0.0.1:0"]);

  /** With the client that Node has. */
  async function connect(path: string) {
    const socket = new WebSocket(`ws://127.0.0.1:${await engine.tcpPort()}${path}`);
    socket.binaryType = "arraybuffer";
    const messages: (string | ArrayBuffer)[] = [];
    socket.addEventListener("message", ({ data }) => messages.push(data));
    const closed = once(socket, "close") as Promise<[CloseEvent]>;
    await once(socket, "open");
    const text = () =>
      messages.map((data) => (typeof data === "string" ? data : Buffer.from(data).toString())).join("");
    const shows = (wanted: string) => eventually(text, (shown) => shown.includes(wanted));
    return { socket, messages, text, shows, closed };
  }

  const all = "stream=1&stdin=1&stdout=1&stderr=1";

  it("carries input and output as they are, the log before, and its end", async () => {
    const script = "echo first; while read -r line; do echo out $line; echo err $line >&2; done; echo over";
    await berth("run", "-d", "-i", "--name", "talks", "busybox", "sh", "-c", script);
    await eventually(
      () => berth("logs", "talks"),
      (text) => text === "first",
    );
    const client = await connect(`/containers/talks/attach/ws?logs=1&${all}`);
    await client.shows("first\n");
    client.socket.send("a\n");
    client.socket.send(Buffer.from("b\n"));
    for (const line of ["out a\n", "err a\n", "out b\n", "err b\n"]) await client.shows(line);
    assert.ok(client.messages.every((data) => data instanceof ArrayBuffer));
    assert.ok(!client.text().includes("\0"), "no frames of Docker's");
    const quiet = await connect("/containers/talks/attach/ws?stream=1&stdout=1");
    client.socket.send("c\n");
    await quiet.shows("out c\n");
    assert.doesNotMatch(quiet.text(), /err c/);
    const old = await connect("/v1.27/containers/talks/attach/ws?stream=1");
    old.socket.send("d\n");
    await old.shows("err d\n");
    assert.ok(old.messages.every((data) => typeof data === "string"));
    // Who leaves takes nothing with it.
    quiet.socket.close();
    await quiet.closed;
    await berth("kill", "talks");
    const [event] = await client.closed;
    assert.equal(event.code, 1000);
    await old.closed;
    await berth("rm", "talks");
  });

  it("ends the input that is open once with its client", async () => {
    await berth("create", "-i", "--name", "once", "busybox", "sh", "-c", "cat; echo over");
    const client = await connect(`/containers/once/attach/ws?${all}`);
    await berth("start", "once");
    const big = "0123456789".repeat(20_000);
    client.socket.send(`${big}\n`);
    await eventually(client.text, (text) => text.length > big.length);
    client.socket.close();
    assert.equal(await berth("wait", "once"), "0");
    assert.match(await berth("logs", "--tail", "1", "once"), /over$/);
    await berth("rm", "once");
  });

  it("is refused to what speaks another protocol, and closed to what breaks this one", async () => {
    await berth("run", "-d", "-i", "--name", "still", "busybox", "cat");
    const head = (more: string) =>
      `GET /containers/still/attach/ws?${all} HTTP/1.1\r\nHost: x\r\n${more}\r\n`;
    const upgrade =
      "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for (const [more, words] of [
      ["", /^HTTP\/1\.1 400 .*not websocket protocol/s],
      ["Connection: Upgrade\r\nUpgrade: tcp\r\n", /^HTTP\/1\.1 400 .*not websocket protocol/s],
      [`${upgrade}Sec-WebSocket-Version: 12\r\n`, /^HTTP\/1\.1 400 .*missing or bad WebSocket Version/s],
    ] as const) {
      const connection = await openRaw(engine, head(more));
      await connection.shows(words);
      connection.socket.destroy();
    }
    const good = head(`${upgrade}Sec-WebSocket-Version: 13\r\n`);
    for (const bad of ["\x81\x01a", "\xf1\x81abcd", "\x89\x7e\x01\x00"]) {
      const connection = await openRaw(engine, good);
      await connection.shows(
        /101 Switching Protocols\r\n.*Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/s,
      );
      connection.socket.write(bad, "latin1");
      // Closed as a protocol's error.
      assert.ok((await connection.ended()).endsWith("\x88\x02\x03\xea"), JSON.stringify(bad));
      connection.socket.destroy();
    }
    const unknown = await engine.api("GET", "/containers/nosuch/attach/ws");
    assert.equal(unknown.status, 404);
    assert.equal(await berth("inspect", "-f", "{{.State.Status}}", "still"), "running");
    await berth("rm", "-f", "still");
  });
});
