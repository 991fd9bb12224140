import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { it } from "node:test";
import { formatPage } from "../sweep/page.ts";

it("the page of differences is what the sweep knows", () => {
  const text = readFileSync(join(import.meta.dirname, "../../docs/differences.md"), "utf8");
  assert.equal(text, formatPage(), "run node scripts/differences.ts");
});
