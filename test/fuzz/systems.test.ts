import assert from "node:assert/strict";
import { test } from "node:test";
import { rounds } from "../rounds.ts";
import { fuzz } from "./fuzz.ts";
import { systems } from "./targets.ts";

for (const target of systems) {
  test(`${target.name} takes whatever it is sent, and is afterwards as it was before`, async () => {
    const all = target.smallCount;
    const options = { count: rounds({ few: Math.ceil(all / 3), all }), seed: 1, report: () => {} };
    assert.deepEqual((await fuzz(target, options)).fallen, []);
  });
}
