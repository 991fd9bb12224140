import assert from "node:assert/strict";
import { test } from "node:test";
import { createEscapeDetector, parseDetachKeys } from "../../src/cli/detach-keys.ts";

test("detach keys are letters and control characters; anything else gives the default", () => {
  assert.deepEqual([...parseDetachKeys("")], [16, 17]);
  assert.deepEqual([...parseDetachKeys("ctrl-a,x")], [1, 120]);
  assert.deepEqual([...parseDetachKeys("ctrl-@,ctrl-_")], [0, 31]);
  assert.deepEqual([...parseDetachKeys("ctrl-,foo")], [16, 17]);
});

test("the sequence is found across chunks and not passed on", () => {
  const detector = createEscapeDetector(parseDetachKeys(""));
  assert.deepEqual(detector.push(Buffer.from("ab\x10")), { bytes: Buffer.from("ab"), isDetach: false });
  assert.deepEqual(detector.push(Buffer.from("\x11cd")), { bytes: Buffer.from(""), isDetach: true });
});

test("a beginning that turns out to be something else is passed on whole", () => {
  const detector = createEscapeDetector(parseDetachKeys(""));
  assert.deepEqual(detector.push(Buffer.from("\x10x")).bytes, Buffer.from("\x10x"));
  assert.deepEqual(detector.push(Buffer.from("\x10\x10\x11")), {
    bytes: Buffer.from("\x10"),
    isDetach: true,
  });
});
