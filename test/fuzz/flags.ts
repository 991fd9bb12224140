import assert from "node:assert/strict";
import { createFlags } from "../../src/cli/container/create-flags.ts";
import { FlagError, parseFlags } from "../../src/cli/parse-flags.ts";
import type { Random } from "../random.ts";
import type { Target } from "./target.ts";
import { oddWords, spoil } from "./words.ts";

const names = Object.entries(createFlags).flatMap(([name, { short }]) => [
  `--${name}`,
  ...(short ? [`-${short}`] : []),
]);

function randomWord(random: Random): string {
  switch (random.between(0, 5)) {
    case 0:
      return random.pick(names);
    case 1:
      return `${random.pick(names)}=${random.pick(oddWords)}`;
    case 2:
      return random.pick(names) + random.pick(oddWords);
    case 3:
      return spoil(random, random.pick(names));
    case 4:
      return spoil(random, `${random.pick(names)}=${random.pick(oddWords)}`);
    default:
      return random.pick(oddWords);
  }
}

/** Command lines as `create` reads them: every word is a flag, a flag's value or an argument, and kept in its order. */
export const flags: Target = {
  name: "flags",
  smallCount: 20_000,
  mostMilliseconds: 50,
  open: () => ({
    attempt(random) {
      const argv = Array.from({ length: random.between(0, 8) }, () => randomWord(random));
      const interspersed = random.next() < 0.5;
      try {
        const { values, given, args } = parseFlags(createFlags, argv, { interspersed });
        assert.deepEqual(Object.keys(values).sort(), Object.keys(createFlags).sort());
        for (const name of given) assert.ok(Object.hasOwn(createFlags, name), name);
        let at = 0;
        for (const arg of args) {
          at = argv.indexOf(arg, at) + 1;
          assert.ok(at > 0, `an argument that nobody gave: ${arg}`);
        }
        assert.deepEqual(parseFlags(createFlags, argv, { interspersed }).args, args);
      } catch (error) {
        if (!(error instanceof FlagError)) throw error;
      }
    },
  }),
};
