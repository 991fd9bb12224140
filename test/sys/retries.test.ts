import assert from "node:assert/strict";
import { afterEach, beforeEach, it, mock } from "node:test";
import { createRetries } from "../../src/sys/retries.ts";

beforeEach(() => mock.timers.enable({ apis: ["setTimeout"] }));
afterEach(() => mock.timers.reset());

/** @returns how often it was tried after each step of so many seconds */
async function count(seconds: readonly number[], tries: () => number): Promise<number[]> {
  const counts: number[] = [];
  for (const step of seconds) {
    mock.timers.tick(1000 * step);
    await new Promise((resolve) => setImmediate(resolve));
    counts.push(tries());
  }
  return counts;
}

it("what fails is tried again less and less often, and no more once it has succeeded", async () => {
  const tried: string[] = [];
  let works = false;
  const retries = createRetries(async (id) => {
    tried.push(id);
    return works || id === "short";
  });
  retries.add("long");
  retries.add("short");
  assert.deepEqual(await count([4, 1, 9, 1, 19, 1], () => tried.length), [0, 2, 2, 3, 3, 4]);
  assert.deepEqual(tried, ["long", "short", "long", "long"]);
  // At most for five minutes.
  await count([40, 80, 160, 300, 300], () => 0);
  tried.splice(0);
  assert.deepEqual(await count([299, 1, 299, 1], () => tried.length), [0, 1, 1, 2]);
  works = true;
  assert.deepEqual(await count([300, 300, 3000], () => tried.length), [3, 3, 3]);
  // And the next begins as the first did.
  retries.add("other");
  assert.deepEqual(await count([5], () => tried.length), [4]);
});

it("what fails while others are tried again is tried with them the next time", async () => {
  const tried: string[] = [];
  const first = Promise.withResolvers<void>();
  const retries = createRetries(async (id) => {
    tried.push(id);
    if (id === "slow") await first.promise;
    return true;
  });
  retries.add("slow");
  await count([5], () => 0);
  retries.add("late");
  first.resolve();
  assert.deepEqual(await count([0, 9, 1, 1000], () => tried.length), [1, 1, 2, 2]);
});
