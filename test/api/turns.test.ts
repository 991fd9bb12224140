import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setImmediate } from "node:timers/promises";
import { createTurns } from "../../src/api/turns.ts";

const busy = (milliseconds: number) => {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
};

describe("turns", () => {
  it("begins at once what comes alone", () => {
    let begun = false;
    createTurns()(() => {
      begun = true;
    });
    assert.ok(begun);
  });

  it("keeps the order, and lets others in between when there is much", async () => {
    const inTurn = createTurns();
    const begun: number[] = [];
    for (let n = 0; n < 20; n++) {
      inTurn(() => {
        busy(1);
        begun.push(n);
      });
    }
    const atOnce = begun.length;
    let turns = 0;
    while (begun.length < 20) {
      await setImmediate();
      turns++;
    }
    assert.ok(atOnce >= 1 && atOnce < 10, `${atOnce} at once`);
    assert.ok(turns >= 2, `${turns} turns`);
    assert.deepEqual(
      begun,
      [...begun].sort((a, b) => a - b),
    );
  });
});
