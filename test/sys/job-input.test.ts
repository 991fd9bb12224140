import assert from "node:assert/strict";
import { PassThrough, Readable } from "node:stream";
import { test } from "node:test";
import { MessageChannel, type MessagePort } from "node:worker_threads";
import { readJobInput, sendToJob } from "../../src/sys/job-input.ts";

/** Stands for a job: on this thread, by way of the same ports. */
async function collect(input: MessagePort): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of readJobInput(input)) pieces.push(piece);
  return Buffer.concat(pieces).toString("latin1");
}

const whole = Buffer.allocUnsafeSlow(300_000).fill("0123456789");
/** A part of something, something of its own, one of Node's pool that is all of it, nothing, and what is long. */
const chunks = () => [
  whole.subarray(0, 10),
  Buffer.from(new ArrayBuffer(10)).fill("0123456789"),
  Buffer.allocUnsafe(Buffer.poolSize - 1),
  Buffer.from("0123456789"),
  Buffer.alloc(0),
  Buffer.alloc(0),
  Buffer.from(whole),
];

test("what is sent to a job comes to it, whatever its memory is", async () => {
  for (let round = 0; round < 20; round++) {
    const expected = Buffer.concat(chunks().map((one) => one.fill("0123456789"))).toString("latin1");
    const given = chunks().map((one) => one.fill("0123456789"));
    assert.equal(await sendToJob(Readable.from(given, { objectMode: false }), collect), expected);
    const again = chunks().map((one) => one.fill("0123456789"));
    async function* all() {
      yield* again;
    }
    assert.equal(await sendToJob(all(), collect), expected);
  }
  assert.equal(whole.length, 300_000);
});

test("what is sent stays the sender's, which may send it again", async () => {
  const zeros = Buffer.from(new ArrayBuffer(512));
  for (let round = 0; round < 3; round++) {
    const sent = await sendToJob(Readable.from([zeros, zeros], { objectMode: false }), collect);
    assert.equal(sent.length, 1024);
    assert.equal(zeros.length, 512);
  }
});

test("what waits for a job is bounded, and comes once it goes on", async () => {
  let given = 0;
  const gate = Promise.withResolvers<void>();
  async function* plenty() {
    for (; given < 400; given++) yield Buffer.alloc(100_000, "x");
  }
  const done = sendToJob(plenty(), async (input) => {
    await gate.promise;
    let bytes = 0;
    for await (const { length } of readJobInput(input)) bytes += length;
    return bytes;
  });
  for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate);
  assert.ok(given > 10 && given < 100, `${given} chunks of 100 kB went ahead`);
  gate.resolve();
  assert.equal(await done, 40_000_000);
});

test("a stream that breaks off, a job that fails and one that is given up say why, and the stream is closed", async () => {
  const broken = new PassThrough();
  broken.write("begun");
  const sending = sendToJob(broken, collect);
  broken.destroy(new Error("it broke"));
  await assert.rejects(sending, /it broke/);
  const source = new PassThrough();
  source.write("begun");
  await assert.rejects(
    sendToJob(source, () => Promise.reject(new Error("no such thread"))),
    /no such thread/,
  );
  assert.ok(source.destroyed);
  const stop = new AbortController();
  async function* endless() {
    yield Buffer.from("begun");
    await new Promise(() => {});
  }
  const given = sendToJob(endless(), collect, stop.signal);
  stop.abort(new Error("enough"));
  await assert.rejects(given, /enough/);
  await assert.rejects(sendToJob(endless(), collect, stop.signal), /enough/);
});

test("who reads notices that the sender is gone", async () => {
  const { port1, port2 } = new MessageChannel();
  const reading = collect(port2);
  port1.postMessage([new Uint8Array(10)]);
  port1.close();
  await assert.rejects(reading, /cut off/);
});
