import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeError, EngineError, encodeError, notFound } from "../src/errors.ts";

/** As a message between processes carries it. */
const send = (error: unknown) => decodeError(JSON.parse(JSON.stringify(encodeError(error))));

test("an error for users keeps its kind, and tells nothing of where it was thrown", () => {
  const thrown = notFound("No such thing", new Error("cause"));
  const received = send(thrown);
  assert.ok(received instanceof EngineError);
  assert.equal(received.kind, "notFound");
  assert.equal(received.message, "No such thing");
  assert.deepEqual(Object.keys(encodeError(thrown)), ["message", "kind"]);
});

test("a system error keeps its code, and a bug its stack", () => {
  const system = Object.assign(new Error("open /x: ENOENT"), { code: "ENOENT" });
  const received = send(system);
  assert.ok(!(received instanceof EngineError));
  assert.equal((received as NodeJS.ErrnoException).code, "ENOENT");
  assert.equal(received.stack, system.stack);
  assert.equal(received.message, system.message);
});

test("what is thrown and is no error arrives as one", () => {
  assert.equal(send("words").message, "words");
  assert.equal(send(undefined).message, "undefined");
});
