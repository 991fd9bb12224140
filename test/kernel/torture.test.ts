import { describe, it } from "node:test";
import { useEngine } from "../engine.ts";
import { rounds } from "../rounds.ts";
import { torture } from "../torture/torture.ts";

describe("an engine whose daemon and supervisor are killed at random moments", () => {
  const killsPerSeed = rounds({ few: 12, all: 25 });

  for (const seed of [11, 12, 13, 14]) {
    // An engine for each: what one seed's failure leaves is not the next one's.
    describe(`seed ${seed}`, () => {
      const { engine } = useEngine(/supervisor/);
      it(`keeps what it has acknowledged and leaves nothing (${killsPerSeed} kills)`, (t) =>
        torture(engine, { kills: killsPerSeed, seed, report: (line) => t.diagnostic(line) }));
    });
  }
});
