import assert from "node:assert/strict";
import { it } from "node:test";
import {
  acceptWebSocketKey,
  createWebSocketDecoder,
  encodeWebSocketFrame,
} from "../../src/formats/web-socket.ts";

/** A frame as a client sends it. */
function frame(first: number, payload: Buffer, mask = Buffer.from([1, 2, 3, 4])): Buffer {
  const head = encodeWebSocketFrame("binary", payload);
  const headBytes = head.length - payload.length;
  head[0] = first;
  head[1] = (head[1] ?? 0) | 0x80;
  const masked = payload.map((byte, at) => byte ^ (mask[at % 4] ?? 0));
  return Buffer.concat([head.subarray(0, headBytes), mask, masked]);
}

function decode(chunks: Iterable<Buffer>) {
  const data: Buffer[] = [];
  const controls: string[] = [];
  const decoder = createWebSocketDecoder({
    onData: (chunk) => void data.push(chunk),
    onPing: (payload) => void controls.push(`ping ${payload}`),
    onClose: (payload) => void controls.push(`close ${payload.toString("hex")}`),
  });
  for (const chunk of chunks) decoder.push(chunk);
  return { data: Buffer.concat(data).toString(), controls };
}

it("answers the key of the specification's example", () => {
  assert.equal(acceptWebSocketKey("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
});

it("reads the same whole, in pieces and byte by byte", () => {
  const long = Buffer.from("x".repeat(70_000));
  const bytes = Buffer.concat([
    frame(0x01, Buffer.from("one ")),
    frame(0x89, Buffer.from("p")),
    frame(0x00, Buffer.alloc(0)),
    frame(0x80, Buffer.from("two ")),
    frame(0x82, Buffer.from("three ".repeat(50))),
    frame(0x82, long),
    frame(0x8a, Buffer.from("unasked pong")),
    frame(0x88, Buffer.from([3, 0xe8])),
  ]);
  const expected = { data: `one two ${"three ".repeat(50)}${long}`, controls: ["ping p", "close 03e8"] };
  assert.deepEqual(decode([bytes]), expected);
  for (const size of [1, 7, 4096])
    assert.deepEqual(
      decode(
        Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) =>
          bytes.subarray(n * size, (n + 1) * size),
        ),
      ),
      expected,
      `${size}`,
    );
});

it("refuses what no client may send", () => {
  const rows: [bytes: Buffer, words: RegExp][] = [
    [encodeWebSocketFrame("text", Buffer.from("a")), /has no mask/],
    [frame(0xc1, Buffer.from("a")), /reserved bits/],
    [frame(0x83, Buffer.from("a")), /unknown opcode 3/],
    [frame(0x09, Buffer.from("a")), /control frame/],
    [frame(0x89, Buffer.alloc(126)), /control frame/],
    [Buffer.from([0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]), /too long/],
  ];
  for (const [bytes, words] of rows) assert.throws(() => decode([bytes]), words);
});
