import assert from "node:assert/strict";
import { test } from "node:test";
import { rounds } from "../rounds.ts";
import { fuzz } from "./fuzz.ts";
import type { Target } from "./target.ts";
import { parsers } from "./targets.ts";

/** Inputs that something fell over once. */
const fallen: Record<string, number[]> = { dockerfile: [33_285, 55_783, 59_085] };

for (const target of parsers) {
  test(`${target.name} takes whatever it is given, or refuses it`, async () => {
    const report = () => {};
    for (const seed of fallen[target.name] ?? [])
      assert.deepEqual((await fuzz(target, { count: 1, seed, report })).fallen, []);
    const all = target.smallCount;
    const count = rounds({ few: Math.ceil(all / 4), all });
    assert.deepEqual((await fuzz(target, { count, seed: 1, report })).fallen, []);
  });
}

test("what throws anything but an error of the user's, or takes too long, has fallen", async () => {
  const target = (attempt: () => void): Target => {
    return { name: "x", smallCount: 1, mostMilliseconds: 5, open: () => ({ attempt }) };
  };
  const hold = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
  const throwing = () => {
    throw new TypeError("oops");
  };
  for (const [attempt, message] of [
    [hold, /^it took \d+ ms$/],
    [throwing, /^oops$/],
  ] as const) {
    const found = await fuzz(target(attempt), { count: 2, seed: 7, report: () => {} });
    assert.deepEqual(
      found.fallen.map(({ seed, error }) => [seed, message.test((error as Error).message)]),
      [
        [7, true],
        [8, true],
      ],
    );
  }
});

test("a session that ends badly is reported beside what has fallen before", async () => {
  const lines: string[] = [];
  const target: Target = {
    name: "x",
    smallCount: 1,
    mostMilliseconds: 1000,
    open: () => ({
      attempt() {
        throw new TypeError("oops");
      },
      close: async () => assert.fail("descriptors are left"),
    }),
  };
  const { fallen, seconds } = await fuzz(target, { count: 2, seed: 7, report: (line) => lines.push(line) });
  assert.deepEqual(
    fallen.map(({ seed, error }) => [seed, (error as Error).message]),
    [
      [7, "oops"],
      [8, "oops"],
      [7, "descriptors are left"],
    ],
  );
  assert.match(lines.at(-1) ?? "", /^ended badly: --target x --seed 7: AssertionError.*descriptors are left/);
  assert.ok(seconds > 0);
});
