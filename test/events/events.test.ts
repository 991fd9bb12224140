import assert from "node:assert/strict";
import { test } from "node:test";
import { createEvents } from "../../src/events/events.ts";

test("a listener that fails keeps no other from an event, nor what it is about from being done", () => {
  const failures: unknown[] = [];
  const heard: string[] = [];
  const events = createEvents((error) => failures.push(error));
  const failure = new Error("no");
  events.subscribe(() => {
    throw failure;
  });
  events.subscribe(({ Action }) => heard.push(Action));
  events.publish("container", "start", "one");
  assert.deepEqual(heard, ["start"]);
  assert.deepEqual(failures, [failure]);
});
