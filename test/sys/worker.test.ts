import assert from "node:assert/strict";
import test from "node:test";
import { largeYoungGeneration, startWorker } from "../../src/sys/worker.ts";

test("a thread that is there for good gathers little garbage before it is collected, one that works hard much", async () => {
  const name = "../test/sys/jobs-fixture.worker";
  for (const [worker, most] of [
    [startWorker(name), 4],
    [startWorker(name, { resourceLimits: largeYoungGeneration }), 48],
  ] as const) {
    const megabytes = worker.resourceLimits?.maxYoungGenerationSizeMb ?? Number.NaN;
    assert.ok(megabytes > most / 2 && megabytes <= most, `${megabytes} MB`);
    await worker.terminate();
  }
});
