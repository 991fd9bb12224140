import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { PassThrough } from "node:stream";
import { it } from "node:test";
import { createJobPipes } from "../../src/sys/job-pipes.ts";

it("a job that cannot be made leaves no pipe, and takes nothing of what was to be sent", async () => {
  const pipes = createJobPipes<number>({ run: async () => {}, close: async () => {} });
  const fail = () => {
    throw new Error("no such container");
  };
  const descriptors = () => readdirSync("/proc/self/fd").length;
  const input = new PassThrough();
  input.end("sent");
  const before = descriptors();
  await assert.rejects(pipes.write(input, fail), /no such container/);
  assert.throws(() => pipes.read(fail), /no such container/);
  assert.equal(descriptors(), before);
  assert.equal(String(await input.toArray()), "sent");
});
