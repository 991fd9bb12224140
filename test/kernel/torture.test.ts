import { describe, it } from "node:test";
import { useEngine } from "../engine.ts";
import { rounds } from "../rounds.ts";
import { useSubordinateIds } from "../subordinate-ids.ts";
import { torture } from "../torture/torture.ts";

describe("an engine whose daemon and supervisor are killed at random moments", () => {
  const killsPerSeed = rounds({ few: 12, all: 25 });

  useSubordinateIds("uucp", 2_800_000);
  for (const [seed, ...flags] of [[11], [12], [13], [14], [15, "--userns-remap", "uucp"]] as const) {
    // An engine for each: what one seed's failure leaves is not the next one's.
    describe(["seed", seed, ...flags].join(" "), () => {
      const { engine } = useEngine(/supervisor/, [...flags]);
      it(`keeps what it has acknowledged and leaves nothing (${killsPerSeed} kills)`, (t) =>
        torture(engine, { kills: killsPerSeed, seed, report: (line) => t.diagnostic(line) }));
    });
  }
});
