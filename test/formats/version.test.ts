import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { it } from "node:test";
import { version } from "../../src/formats/version.ts";

it("the version is the package's", () => {
  const path = new URL("../../package.json", import.meta.url);
  assert.equal(version, JSON.parse(readFileSync(path, "utf8")).version);
});
