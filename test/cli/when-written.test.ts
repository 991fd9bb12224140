import assert from "node:assert/strict";
import { Writable } from "node:stream";
import { it } from "node:test";
import { whenWritten } from "../../src/cli/standard-output.ts";

/** A stream whose reader takes a piece when it is told to. */
function slowStream() {
  const waiting: (() => void)[] = [];
  const stream = new Writable({ write: (_chunk, _encoding, done) => void waiting.push(done) });
  return { stream, takeOne: () => waiting.shift()?.() };
}

it("what was written is waited for, to its last byte", async () => {
  const { stream, takeOne } = slowStream();
  stream.write("one");
  stream.write("two");
  let isOver = false;
  const over = whenWritten(stream).then(() => {
    isOver = true;
  });
  takeOne();
  await new Promise(setImmediate);
  assert.equal(isOver, false);
  takeOne();
  await new Promise(setImmediate);
  takeOne();
  await over;
});
it("nothing is waited for when all is written, or the reader is gone", async () => {
  const { stream } = slowStream();
  await whenWritten(stream);
  stream.on("error", () => {});
  stream.write("lost");
  const over = whenWritten(stream);
  stream.destroy(new Error("EPIPE"));
  await over;
});
