import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { inSlices, mapSlices, mapWithPauses, type Slices } from "../../src/sys/pauses.ts";

describe("a long loop with pauses", () => {
  it("gives what comes of each, in order", async () => {
    const numbers = Array.from({ length: 100 }, (_, number) => number);
    const later = async (number: number) => {
      await new Promise((resolve) => setTimeout(resolve, number % 3));
      return number * 2;
    };
    const doubled = numbers.map((number) => number * 2);
    assert.deepEqual(await mapWithPauses(numbers, (number) => number * 2), doubled);
    assert.deepEqual(await mapWithPauses(numbers, later, 16), doubled);
    assert.deepEqual(await mapWithPauses([], later, 16), []);
  });

  it("has no more wait than it may, and fails as one of them does", async () => {
    let [waiting, most] = [0, 0];
    const wait = async (number: number) => {
      most = Math.max(most, ++waiting);
      await new Promise((resolve) => setImmediate(resolve));
      waiting--;
      if (number === 49) throw new Error("the last");
    };
    const numbers = Array.from({ length: 50 }, (_, number) => number);
    await assert.rejects(mapWithPauses(numbers, wait, 4), /the last/);
    assert.equal(most, 4);
  });

  it("lets others have the thread", async () => {
    let turns = 0;
    const count = setInterval(() => turns++, 0);
    const burn = () => {
      for (const until = performance.now() + 2; performance.now() < until; );
    };
    await mapWithPauses(Array.from({ length: 30 }), burn);
    clearInterval(count);
    assert.ok(turns > 3, `${turns} turns`);
  });
});

async function collect<T>(slices: Slices<T>): Promise<(readonly T[])[]> {
  const all: (readonly T[])[] = [];
  for await (const slice of slices) all.push(slice);
  return all;
}

describe("many things in slices", () => {
  const numbers = Array.from({ length: 50 }, (_, number) => number);
  const burn = (number: number) => {
    for (const until = performance.now() + 0.3; performance.now() < until; );
    return number % 2 === 0 ? number : undefined;
  };

  it("come in order, some at a time, without those of which nothing is made", async () => {
    const slices = await collect(inSlices(numbers, burn));
    assert.ok(slices.length >= 10, `${slices.length} slices`);
    assert.deepEqual(
      slices.flat(),
      numbers.filter((number) => number % 2 === 0),
    );
    assert.deepEqual(await collect(inSlices([], burn)), []);
  });

  it("are made when they are taken, and changed on their way", async () => {
    let made = 0;
    const changed = mapSlices(
      inSlices(numbers, (number) => {
        made++;
        return burn(number);
      }),
      (slice) => slice.map(String),
    );
    assert.equal(made, 0);
    const { value } = await changed.next();
    assert.ok(made < 20, `${made} made`);
    assert.equal((value as string[])[0], "0");
  });
});
