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

it("one that hangs, or has long been tried in vain, keeps no other waiting", async () => {
  const tried: string[] = [];
  const end = Promise.withResolvers<void>();
  const retries = createRetries(async (id) => {
    tried.push(id);
    if (id === "hangs") await end.promise;
    return id !== "vain";
  });
  for (const id of ["hangs", "vain"]) retries.add(id);
  await count([5, 10, 20, 40, 80, 160, 300], () => 0);
  tried.splice(0);
  retries.add("late");
  assert.deepEqual(await count([4, 1], () => tried.length), [0, 1]);
  // What is added once more meanwhile is tried once more, and soon.
  for (const id of ["hangs", "vain"]) retries.add(id);
  assert.deepEqual(await count([5], () => tried.length), [2]);
  end.resolve();
  await count([0], () => 0);
  assert.deepEqual(await count([5], () => tried.filter((id) => id === "hangs").length), [1]);
  assert.deepEqual(await count([1000, 1000], () => tried.filter((id) => id !== "vain").length), [2, 2]);
});
