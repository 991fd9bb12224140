import assert from "node:assert/strict";
import { PassThrough, Readable, Writable } from "node:stream";
import { test } from "node:test";
import { copyOutput } from "../../src/client/frames.ts";
import { createFrameDecoder, encodeFrame, streams } from "../../src/formats/stdcopy.ts";

const frames = Buffer.concat([
  encodeFrame(streams.stdout, Buffer.from("out")),
  encodeFrame(streams.stderr, Buffer.from("err")),
  encodeFrame(streams.stdout, Buffer.alloc(0)),
  encodeFrame(streams.stdout, Buffer.from("put")),
]);

for (const size of [1, 3, 7, 8, 9, 1000]) {
  test(`frames are put together from chunks of ${size}`, () => {
    const got = { stdout: "", stderr: "" };
    const decoder = createFrameDecoder((stream, chunk) => {
      got[stream] += chunk.toString();
    });
    for (let at = 0; at < frames.length; at += size) decoder.push(frames.subarray(at, at + size));
    assert.deepEqual(got, { stdout: "output", stderr: "err" });
  });
}

test("an error of the daemon inside the stream is thrown", () => {
  const { push } = createFrameDecoder(() => undefined);
  assert.throws(() => push(encodeFrame(streams.systemError, Buffer.from("disk full"))), /disk full/);
});

test("what is no frame is refused", () => {
  const { push } = createFrameDecoder(() => undefined);
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

function failing(code: string): Writable {
  return new Writable({
    write(_chunk, _encoding, done) {
      setImmediate(() => done(Object.assign(new Error(`write ${code}`), { code })));
    },
  });
}

test("a full disk is told in docker's words", async () => {
  const source = Readable.from([Buffer.from("some"), Buffer.from("more")]);
  await assert.rejects(copyOutput(source, true, failing("ENOSPC"), new PassThrough()), {
    message: "write /dev/stdout: no space left on device",
  });
  const errors = Readable.from([encodeFrame(streams.stderr, Buffer.alloc(100_000))]);
  await assert.rejects(copyOutput(errors, false, new PassThrough().resume(), failing("ENOSPC")), {
    message: "write /dev/stderr: no space left on device",
  });
});

test("a reader that has gone ends the copy in silence", async () => {
  const source = new PassThrough();
  source.write(Buffer.alloc(100_000));
  await copyOutput(source, true, failing("EPIPE"), new PassThrough());
});

test("a slow reader leaves no listeners behind", async () => {
  const slow = new Writable({ highWaterMark: 1, write: (_chunk, _encoding, done) => setImmediate(done) });
  const source = Readable.from(Array.from({ length: 30 }, () => Buffer.from("x")));
  let most = 0;
  slow.on("drain", () => {
    most = Math.max(most, slow.listenerCount("close"), slow.listenerCount("drain"));
  });
  await copyOutput(source, true, slow, new PassThrough());
  assert.ok(most > 0 && most < 5, `${most} listeners`);
});
