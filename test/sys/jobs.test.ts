import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, constants, globSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createJobRunner } from "../../src/sys/jobs.ts";
import { eventually } from "../engine.ts";
import type { Job } from "./jobs-fixture.worker.ts";

const startRunner = (threads: number) =>
  createJobRunner<Job, number>("../test/sys/jobs-fixture.worker", threads);

test("jobs share a few threads, and each gets its answer", async () => {
  const runner = startRunner(2);
  const answers = await Promise.all(Array.from({ length: 6 }, () => runner.run("thread")));
  assert.equal(new Set(answers).size, 2);
  assert.ok(answers.includes(await runner.run("thread")), "a thread is used again");
  await runner.close();
});

test("errors come back as what they were", async () => {
  const runner = startRunner(1);
  await assert.rejects(runner.run("engine error"), {
    name: "EngineError",
    kind: "notFound",
    message: "No such thing",
  });
  await assert.rejects(runner.run("system error"), { code: "ENOENT", message: "open /x: ENOENT" });
  await assert.rejects(runner.run("bug"), { message: "x is not a function", stack: /jobs-fixture/ });
  await runner.close();
});

test("a thread that ends in the middle fails its job and no other", async () => {
  const runner = startRunner(1);
  const [first, second, third, fourth] = await Promise.allSettled([
    runner.run("exit"),
    runner.run("thread"),
    runner.run("throw outside"),
    runner.run("thread"),
  ]);
  assert.match(String(first.status === "rejected" && first.reason), /ended with status 3/);
  assert.equal(second.status, "fulfilled");
  assert.match(String(third.status === "rejected" && third.reason), /outside of any job/);
  assert.equal(fourth.status, "fulfilled");
  await runner.close();
});

test("closing ends jobs that run and jobs that wait", async () => {
  const runner = startRunner(1);
  const running = assert.rejects(runner.run("wait"), { message: "the engine is shutting down" });
  const waiting = assert.rejects(runner.run("thread"), { message: "the engine is shutting down" });
  await runner.close();
  await Promise.all([running, waiting]);
  await assert.rejects(runner.run("thread"), { message: "the engine is shutting down" });
});

test("a job that reads no messages ends when it is no longer wanted, and its thread does others", async () => {
  const runner = startRunner(1);
  const thread = await runner.run("thread");
  const stop = new AbortController();
  const busy = assert.rejects(runner.run("busy", stop.signal), { message: "enough" });
  stop.abort(new Error("enough"));
  await busy;
  assert.equal(await runner.run("thread"), thread);
  await runner.close();
});

test("closing does not wait for a thread that sleeps in the kernel, and its job fails", async () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-jobs-"));
  const fifo = join(folder, "fifo");
  execFileSync("mkfifo", [fifo]);
  const runner = startRunner(2);
  await runner.run("thread");
  const asleep = assert.rejects(runner.run({ fifo }), { message: "the engine is shutting down" });
  const running = assert.rejects(runner.run("wait"), { message: "the engine is shutting down" });
  await eventually(isAsleepInFifo, Boolean);
  await runner.close();
  await Promise.all([asleep, running]);
  // Wakes it: the test's own process waits for its threads. Without a reader this fails, which would be a thread that never slept.
  closeSync(openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK));
  rmSync(folder, { recursive: true });
});

/** Whether a thread of this process waits for the other end of a FIFO. */
function isAsleepInFifo(): boolean {
  return globSync("/proc/self/task/*/wchan").some((path) => {
    try {
      return readFileSync(path, "latin1") === "wait_for_partner";
    } catch {
      return false;
    }
  });
}
