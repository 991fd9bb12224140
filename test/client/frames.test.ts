import assert from "node:assert/strict";
import { PassThrough, Readable, Writable } from "node:stream";
import { test } from "node:test";
import { copyOutput, createDemultiplexer } from "../../src/client/frames.ts";
import { encodeFrame, streams } from "../../src/formats/stdcopy.ts";

const frames = Buffer.concat([
  encodeFrame(streams.stdout, Buffer.from("out")),
  encodeFrame(streams.stderr, Buffer.from("err")),
  encodeFrame(streams.stdout, Buffer.alloc(0)),
  encodeFrame(streams.stdout, Buffer.from("put")),
]);

for (const size of [1, 3, 7, 8, 9, 1000]) {
  test(`frames are put together from chunks of ${size}`, () => {
    const got = { stdout: "", stderr: "" };
    const demultiplexer = createDemultiplexer((stream, chunk) => {
      got[stream] += chunk.toString();
    });
    for (let at = 0; at < frames.length; at += size) demultiplexer.push(frames.subarray(at, at + size));
    assert.deepEqual(got, { stdout: "output", stderr: "err" });
  });
}

test("an error of the daemon inside the stream is thrown", () => {
  const { push } = createDemultiplexer(() => undefined);
  assert.throws(() => push(encodeFrame(streams.systemError, Buffer.from("disk full"))), /disk full/);
});

test("what is no frame is refused", () => {
  const { push } = createDemultiplexer(() => undefined);
  assert.throws(() => push(Buffer.from("plain text, no frames")), /Unrecognized input header/);
});

test("a slow reader holds the stream back", async () => {
  let most = 0;
  const slow = new Writable({
    highWaterMark: 1024,
    write(_chunk, _encoding, done) {
      most = Math.max(most, slow.writableLength);
      setImmediate(done);
    },
  });
  const source = Readable.from(
    Array.from({ length: 100 }, () => encodeFrame(streams.stdout, Buffer.alloc(4096))),
  );
  await copyOutput(source, false, slow, new PassThrough());
  assert.ok(most <= 3 * 4096, `${most} bytes waited`);
});
