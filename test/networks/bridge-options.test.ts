import assert from "node:assert/strict";
import { test } from "node:test";
import { isLinkName } from "../../src/networks/bridge-options.ts";

test("the name of a link has as many bytes as the kernel takes, and no packet filter takes it for many", () => {
  for (const name of ["fifteen-letters", "ü".repeat(7), "br-0", "br+0"]) assert.ok(isLinkName(name), name);
  for (const name of ["sixteen-letters!", "ü".repeat(8), "", "all", "a b", "a/b", "br*", "br+"])
    assert.ok(!isLinkName(name), name);
});
