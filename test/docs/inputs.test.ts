import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { it } from "node:test";
import { targets } from "../fuzz/targets.ts";

const root = join(import.meta.dirname, "../..");

it("the list of inputs names tests, targets and sources that are there", () => {
  const text = readFileSync(join(root, "docs/inputs.md"), "utf8");
  const tests = [...text.matchAll(/`(test\/[^`]+)`/g)].map(([, path = ""]) => path);
  assert.ok(tests.length > 40);
  for (const path of tests) assert.ok(existsSync(join(root, path)), path);
  const known = targets.map(({ name }) => name);
  for (const [, name = ""] of text.matchAll(/--target ([a-z-]+)`/g)) assert.ok(known.includes(name), name);
  for (const target of known)
    assert.match(text, new RegExp(`--target ${target}\``), `${target} is in the list`);
  for (const [, path = ""] of text.matchAll(/`([a-z-]+(?:\/[a-z*-]+)+\.ts)`/g)) {
    if (!path.startsWith("test/")) assert.ok(globSync(`src/${path}`, { cwd: root }).length > 0, path);
  }
});
