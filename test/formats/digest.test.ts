import assert from "node:assert/strict";
import { test } from "node:test";
import { chainIds, digestOf, isDigest, parseDigest, shortId } from "../../src/formats/digest.ts";

test("chainIDs follow the OCI image specification", () => {
  const [a, b, c] = [digestOf("a"), digestOf("b"), digestOf("c")];
  const ab = digestOf(`${a} ${b}`);
  assert.deepEqual(chainIds([a, b, c]), [a, ab, digestOf(`${ab} ${c}`)]);
  assert.deepEqual(chainIds([]), []);
});

test("only a whole lower-case sha256 digest is one", () => {
  const good = digestOf("");
  assert.equal(parseDigest(good), good);
  assert.equal(shortId(good), "e3b0c44298fc");
  for (const bad of [
    "",
    good.slice(7),
    good.slice(0, -1),
    `${good}0`,
    good.toUpperCase(),
    `${good}\n`,
    "sha256:../../x",
  ]) {
    assert.equal(isDigest(bad), false, bad);
    assert.throws(() => parseDigest(bad), { kind: "invalid" });
  }
});
