import assert from "node:assert/strict";
import { readBody } from "../../src/api/body.ts";
import { parseFilters } from "../../src/formats/filters.ts";
import { decode } from "../../src/formats/shape.ts";
import { examples } from "./api-examples.ts";
import { mutateJson } from "./mutate.ts";
import type { Target } from "./target.ts";

/** Bodies of requests as the API reads them: what comes out is of its type to the leaves, and reads again as itself. */
export const bodies: Target = {
  name: "bodies",
  smallCount: 10_000,
  mostMilliseconds: 50,
  open: () => ({
    attempt(random) {
      if (random.next() < 0.1) {
        for (const values of parseFilters(mutateJson(random, { label: ["a", "b=c"], name: { x: true } }), [
          "label",
          "name",
        ]).values())
          assert.ok(values.every((value) => typeof value === "string"));
        return;
      }
      const { shape, body } = random.pick(examples);
      const read = readBody(shape, mutateJson(random, body), "");
      const again = decode(shape, JSON.parse(JSON.stringify(flatten(read))));
      assert.deepEqual(again, read);
    },
  }),
};

/** The config of a create stands beside its other members. */
function flatten(read: unknown): unknown {
  if (typeof read !== "object" || read === null || !("config" in read)) return read;
  const { config, ...rest } = read;
  return { ...(config as object | null), ...rest };
}
