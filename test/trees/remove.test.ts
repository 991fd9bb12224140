import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs, { constants, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { mock, test } from "node:test";
import { eachName } from "../../src/sys/directory-names.ts";
import { closeDescriptor, entryPath, listDirectory, openInRoot } from "../../src/sys/safe-path.ts";
import { measureTree as measureTreeHere } from "../../src/trees/measure.ts";
import { removePath, removeTree } from "../../src/trees/remove.ts";
import { measureTree, measureTrees } from "../../src/trees/trees.ts";
import { makeFolder } from "./fixtures.ts";

test("removing a tree takes links and not what they point to", () => {
  using folder = makeFolder();
  const at = (name: string) => join(folder.path, name);
  mkdirSync(at("kept"));
  writeFileSync(at("kept/file"), "");
  mkdirSync(at("tree/a/b/c"), { recursive: true });
  symlinkSync("../../kept", at("tree/relative"));
  symlinkSync(at("kept"), at("tree/a/absolute"));
  removeTree(folder.fd, "tree");
  assert.equal(existsSync(at("tree")), false);
  symlinkSync("kept", at("link"));
  removeTree(folder.fd, "link");
  removeTree(folder.fd, "missing");
  removePath(at("missing/too"));
  assert.deepEqual(readdirSync(at("kept")), ["file"]);
});

test("names of any bytes are removed", () => {
  using folder = makeFolder();
  const name = "caf\xe9 \xff\n";
  mkdirSync(entryPath(folder.fd, name));
  writeFileSync(entryPath(folder.fd, `${name}/x`), "x");
  removeTree(folder.fd, name);
  assert.deepEqual(listDirectory(folder.fd), []);
});

test("a directory of very many names is measured and removed, and never read whole", () => {
  using folder = makeFolder();
  const names = Array.from({ length: 21_000 }, (_, index) => `${index}-\xff`);
  mkdirSync(join(folder.path, "wide"));
  const wideFd = openInRoot(folder.fd, "wide", constants.O_RDONLY);
  for (const [index, name] of names.entries()) {
    if (index % 1000) writeFileSync(entryPath(wideFd, name), "x");
    else mkdirSync(entryPath(wideFd, name));
  }
  writeFileSync(entryPath(wideFd, "0-\xff/inner"), "x");
  assert.deepEqual([...eachName(wideFd)].sort(), listDirectory(wideFd));
  mock.method(fs, "readdirSync", () => assert.fail("read whole"));
  syncBuiltinESMExports();
  try {
    assert.equal(measureTreeHere(join(folder.path, "wide")).contentBytes, 20_980);
    removeTree(folder.fd, "wide");
  } finally {
    mock.restoreAll();
    syncBuiltinESMExports();
  }
  assert.deepEqual([...eachName(folder.fd)], []);
  assert.deepEqual([...eachName(wideFd)], []);
  closeDescriptor(wideFd);
});

test("what is mounted in a tree that is removed is left alone", () => {
  using folder = makeFolder();
  const at = (name: string) => join(folder.path, name);
  for (const name of ["precious", "tree", "tree/mounted"]) mkdirSync(at(name));
  writeFileSync(at("precious/file"), "");
  execFileSync("mount", ["--bind", at("precious"), at("tree/mounted")]);
  try {
    assert.throws(() => removePath(at("tree")), { code: "EXDEV" });
    assert.deepEqual(readdirSync(at("precious")), ["file"]);
  } finally {
    execFileSync("umount", [at("tree/mounted")]);
  }
});

test("a tree that is not there, or is removed while it is measured, measures nothing", async () => {
  using folder = makeFolder();
  assert.deepEqual(await measureTree(join(folder.path, "missing")), { contentBytes: 0, diskBytes: 0 });
  const loop = join(folder.path, "loop");
  symlinkSync(loop, loop);
  const [first, second, third] = await measureTrees([folder.path, loop, join(folder.path, "missing")]);
  assert.ok(!(first instanceof Error) && second instanceof Error && !(third instanceof Error));
  assert.equal((second as NodeJS.ErrnoException).code, "ELOOP");
  await assert.rejects(measureTree(loop), { code: "ELOOP" });
  assert.deepEqual(await measureTrees([]), []);
  const churn = join(folder.path, "churn");
  for (let round = 0; round < 5; round++) {
    for (let n = 0; n < 20; n++) mkdirSync(join(churn, `${n}/a/b`), { recursive: true });
    const measured = measureTree(churn);
    removePath(churn);
    assert.ok((await measured).diskBytes >= 0);
  }
});
