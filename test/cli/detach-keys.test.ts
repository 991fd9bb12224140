import assert from "node:assert/strict";
import { test } from "node:test";
import { createEscapeDetector, readDetachKeys } from "../../src/cli/detach-keys.ts";

test("detach keys are letters and control characters; anything else gives the default", () => {
  assert.deepEqual([...readDetachKeys("")], [16, 17]);
  assert.deepEqual([...readDetachKeys("ctrl-a,x")], [1, 120]);
  assert.deepEqual([...readDetachKeys("ctrl-@,ctrl-_")], [0, 31]);
  assert.deepEqual([...readDetachKeys("DEL,ctrl-[")], [127, 27]);
  assert.deepEqual([...readDetachKeys("ctrl-,foo")], [16, 17]);
});

test("the sequence is found across chunks and not passed on", () => {
  const detector = createEscapeDetector(readDetachKeys(""));
  assert.deepEqual(detector.push(Buffer.from("ab\x10")), { bytes: Buffer.from("ab"), isDetach: false });
  assert.deepEqual(detector.push(Buffer.from("\x11cd")), { bytes: Buffer.from(""), isDetach: true });
});

test("a beginning that turns out to be something else is passed on whole", () => {
  const detector = createEscapeDetector(readDetachKeys(""));
  assert.deepEqual(detector.push(Buffer.from("\x10x")).bytes, Buffer.from("\x10x"));
  assert.deepEqual(detector.push(Buffer.from("\x10\x10\x11")), {
    bytes: Buffer.from("\x10"),
    isDetach: true,
  });
});
