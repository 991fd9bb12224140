import assert from "node:assert/strict";
import { closeSync, constants, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openMountedTree } from "../../src/build/context/mounted-tree.ts";
import { selectSources } from "../../src/build/solve/select-sources.ts";

/* As dockerd 28.5.2 selects them. */

test("wildcards count characters, and bytes of what is no text", () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-select-"));
  const names = ["café.txt", "cafè.txt", "cafe.txt", "caf.txt", "cafés.txt", "caf🍵.txt"].map((name) =>
    Buffer.from(name),
  );
  for (const name of [
    ...names,
    Buffer.from("caf\xe9.txt", "latin1"),
    Buffer.from("caf\xe9\xe9.txt", "latin1"),
  ])
    writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), name]), "");
  const fd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  const tree = openMountedTree(fd);
  const select = (pattern: string) =>
    selectSources(tree, { pattern, hasWildcards: true, mayBeEmpty: true })
      .map(({ path }) => path)
      .sort();
  const bytes = (...wanted: string[]) => wanted.map((one) => Buffer.from(one).toString("latin1")).sort();
  try {
    assert.deepEqual(
      select("caf?.txt"),
      [...bytes("café.txt", "cafè.txt", "cafe.txt", "caf🍵.txt"), "caf\xe9.txt"].sort(),
    );
    assert.deepEqual(select("caf??.txt"), [...bytes("cafés.txt"), "caf\xe9\xe9.txt"].sort());
    assert.deepEqual(select("caf[é-ü]*.txt"), bytes("café.txt", "cafés.txt"));
    assert.deepEqual(select("caf[^èe].txt"), [...bytes("café.txt", "caf🍵.txt"), "caf\xe9.txt"].sort());
    assert.deepEqual(select("c*é.txt"), bytes("café.txt"));
  } finally {
    closeSync(fd);
    rmSync(folder, { recursive: true });
  }
});
