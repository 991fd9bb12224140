import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { it } from "node:test";
import { decodeFrames, encodeMessageFrame, largestMessageBytes } from "../../src/buildkit/wire/frames.ts";

async function decode(...chunks: Buffer[]): Promise<string[]> {
  const found: string[] = [];
  for await (const frame of decodeFrames(Readable.from(chunks))) found.push(frame.toString());
  return found;
}

const [one, none, two] = ["one", "", "number two"].map((text) => encodeMessageFrame(Buffer.from(text)));
const whole = Buffer.concat([one, none, two] as Buffer[]);

it("a frame has a zero, its length and the message", () => {
  assert.equal(one?.toString("hex"), "00000000036f6e65");
});

it("messages are whole, however the stream is cut", async () => {
  const expected = ["one", "", "number two"];
  assert.deepEqual(await decode(whole), expected);
  assert.deepEqual(await decode(...Array.from(whole, (byte) => Buffer.of(byte))), expected);
  for (let at = 1; at < whole.length; at++)
    assert.deepEqual(await decode(whole.subarray(0, at), whole.subarray(at)), expected);
  assert.deepEqual(await decode(), []);
});

it("a stream that ends within a message, is compressed, or promises too much is refused", async () => {
  for (const length of [1, 5, 7])
    await assert.rejects(decode(whole.subarray(0, length)), {
      kind: "invalid",
      message: /ended within a message/,
    });
  await assert.rejects(decode(Buffer.from([1, 0, 0, 0, 0])), /compressed messages are not supported/);
  const large = Buffer.alloc(5);
  large.writeUInt32BE(largestMessageBytes + 1, 1);
  await assert.rejects(decode(large), /is too large/);
});
