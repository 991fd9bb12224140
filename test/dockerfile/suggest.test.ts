import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { findNearest } from "../../src/dockerfile/suggest.ts";
import { createRandom } from "../random.ts";

describe("what was probably meant", () => {
  it("is what few changes lead to, as a whole comparison finds it", () => {
    const random = createRandom(3);
    const word = () =>
      Array.from({ length: random.between(0, 7) }, () => random.pick(["a", "b", "c"])).join("");
    for (let round = 0; round < 20_000; round++) {
      const [one, other] = [word(), word()];
      const distance = countAllChanges(one, other);
      const isMeant = distance > 0 && distance < 3;
      assert.equal(findNearest(one, [other]), isMeant ? other : undefined, `${one} ${other}`);
    }
    assert.equal(findNearest("abcd", ["ab", "abd", "abc"]), "abd", "the first of the nearest");
    assert.equal(findNearest("abcd", ["abc", "abcd"]), undefined);
  });

  it("is nothing for a long word, which would cost much", () => {
    const options = ["a".repeat(255), "a".repeat(256), "a".repeat(257)];
    assert.equal(findNearest(`${"a".repeat(255)}b`, options), options[0]);
    assert.equal(findNearest(`${"a".repeat(256)}b`, options), undefined);
  });

  it("is not looked for on and on", () => {
    let asked = 0;
    function* options() {
      for (; asked < 100; asked++) yield "ab".repeat(10);
    }
    const comparisons = { left: 100 };
    findNearest("xy".repeat(10), options(), comparisons);
    const first = asked;
    assert.ok(first > 0 && first < 10, `${first} options`);
    assert.equal(findNearest("abc", ["abd"], comparisons), undefined, "all is used up");
  });
});

/** The Levenshtein distance. */
function countAllChanges(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, at) => at);
  for (const [i, character] of [...from].entries()) {
    const next = [i + 1];
    for (let j = 1; j <= to.length; j++)
      next.push(Math.min(row[j - 1]! + (character === to[j - 1] ? 0 : 1), row[j]! + 1, next[j - 1]! + 1));
    row = next;
  }
  return row[to.length]!;
}
