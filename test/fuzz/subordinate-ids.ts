import assert from "node:assert/strict";
import { findInside, findOutside, formatIdMap, parseIdMap } from "../../src/formats/id-mapping.ts";
import {
  concatenateRanges,
  findFreeStart,
  findSubordinateRanges,
} from "../../src/formats/subordinate-ids.ts";
import type { Random } from "../random.ts";
import { mutateText } from "./mutate.ts";
import type { Target } from "./target.ts";

const user = { name: "me", uid: 1000 };
const endOfIds = 0xffff_ffff;
const document =
  "root:100000:65536\nme:165536:65536\n1000:400000:10\n# none\nme:4294901759:65536\nother:231072:65536\n";

/** /etc/subuid and /etc/subgid. */
export const subordinateIds: Target = {
  name: "subordinate-ids",
  smallCount: 20_000,
  mostMilliseconds: 50,
  open: () => ({
    attempt(random) {
      const text = mutateText(random, document);
      assert.ok(findFreeStart(text) >= 100_000);
      const given = findSubordinateRanges(text, user);
      for (const { start, size } of given) assert.ok(start > 0 && size > 0 && start + size <= endOfIds);
      const ranges = concatenateRanges(given);
      assert.deepEqual(parseIdMap(formatIdMap(ranges)), ranges);
      const total = ranges.reduce((sum, { size }) => sum + size, 0);
      assert.equal(findOutside(ranges, total), undefined);
      for (const inside of samples(random, total)) {
        const outside = findOutside(ranges, inside);
        assert.ok(outside !== undefined && outside > 0, "an id that leads nowhere, or to the machine's root");
        assert.equal(findInside(ranges, outside), inside);
      }
    },
  }),
};

const samples = (random: Random, total: number) =>
  total === 0 ? [] : [0, total - 1, Math.floor(random.next() * total)];
