import assert from "node:assert/strict";
import { it } from "node:test";
import { takeSteps } from "../../src/engine/take-steps.ts";

it("takes each step in turn, also after one that fails, and says at the end what failed first", async () => {
  const taken: number[] = [];
  const fail = (n: number) => () => {
    taken.push(n);
    throw new Error(`step ${n}`);
  };
  const steps = [async () => void taken.push(1), fail(2), async () => fail(3)(), () => taken.push(4)];
  await assert.rejects(takeSteps(steps), /step 2/);
  assert.deepEqual(taken, [1, 2, 3, 4]);
  await takeSteps([() => taken.push(5)]);
  assert.equal(taken.at(-1), 5);
});
