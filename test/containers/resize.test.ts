import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import type { Containers, Exec } from "../../src/containers/containers.ts";
import { resizeExec } from "../../src/containers/exec/resize.ts";

function arrange() {
  const exec = { running: true, container: { isGone: false }, begun: Promise.withResolvers<void>() };
  const calls: unknown[] = [];
  const containers = {
    execs: new Map([["e", exec as unknown as Exec]]),
    supervisor: { call: async (...words: unknown[]) => calls.push(words) },
  } as unknown as Containers;
  return { containers, exec: exec as unknown as Exec, calls };
}

const size = { rows: 5, columns: 7 };

test("an exec's terminal gets the size that was told before its start was answered", async () => {
  const { containers, exec, calls } = arrange();
  const resized = resizeExec(containers, "e", size);
  await setImmediate();
  assert.deepEqual(calls, []);
  exec.begun.resolve();
  await resized;
  assert.deepEqual(calls, [["resize", { process: "e", ...size }]]);
});

test("an exec that is not started in time, or has ended by then, has no size", async () => {
  const { containers, exec, calls } = arrange();
  await assert.rejects(resizeExec(containers, "e", size, 10), {
    message: "timeout waiting for exec session ready",
  });
  exec.running = false;
  exec.begun.resolve();
  await assert.rejects(resizeExec(containers, "e", size), { kind: "notFound" });
  assert.deepEqual(calls, []);
});
