import assert from "node:assert/strict";
import { chownSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { findLargestOwners, measureTrees } from "../../src/trees/trees.ts";
import { makeFolder } from "./fixtures.ts";

test("the owners of a tree are found while the sizes of many are", async () => {
  using folder = makeFolder();
  const file = join(folder.path, "file");
  writeFileSync(file, "");
  chownSync(file, 7, 8);
  const settled: string[] = [];
  const sizes = Array.from({ length: 4 }, () =>
    measureTrees(new Array(5_000).fill(folder.path)).then(() => settled.push("sizes")),
  );
  assert.deepEqual(await findLargestOwners(folder.path), { uid: 7, gid: 8 });
  settled.push("owners");
  await Promise.all(sizes);
  assert.ok(settled.indexOf("owners") < 3, `in the order ${settled}`);
});
