import assert from "node:assert/strict";
import {
  chmodSync,
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openMountedTree } from "../../src/build/context/mounted-tree.ts";
import type { SourceTree } from "../../src/build/context/source-tree.ts";
import { checksumSources } from "../../src/build/solve/checksum.ts";
import { copyFiles } from "../../src/build/solve/copy-files.ts";
import { type Selection, selectSources } from "../../src/build/solve/select-sources.ts";
import { listContext } from "../../src/client/build/list-directory.ts";
import { writeFiles } from "./context-folder.ts";

/* As dockerd 28.5.2 copies with patterns of what to include, which is what --parents comes to. */

const files = {
  "package.json": "root",
  "a/package.json": "a",
  "a/b/package.json": "ab",
  "a/b/c/package.json": "abc",
  "a/b/c/other": "other",
  ".hidden/package.json": "hidden",
  "secret/key": "key",
};

interface Place {
  folder: string;
  tree: SourceTree;
}

async function inTree(work: (place: Place) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "berth-parents-"));
  writeFiles(join(folder, "context"), files);
  symlinkSync("a", join(folder, "context/link"));
  const fd = openSync(join(folder, "context"), constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await work({ folder, tree: openMountedTree(fd) });
  } finally {
    closeSync(fd);
    rmSync(folder, { recursive: true });
  }
}

const matching = (pattern: string): Selection => ({
  ...{ pattern, hasWildcards: true, mayBeEmpty: true, withParents: true },
});
const named = (pattern: string): Selection => ({ pattern, hasWildcards: false, withParents: true });

/** @returns the directory that it was copied to */
async function copy(
  { folder, tree }: Place,
  selection: Selection,
  exclude: string[] = [],
  target = mkdtempSync(join(folder, "target-")),
): Promise<string> {
  const fd = openSync(target, constants.O_RDONLY | constants.O_DIRECTORY);
  const source = { kind: "folder" as const, path: "" };
  const { getuid = () => 0, getgid = () => 0 } = process;
  await copyFiles(fd, tree, {
    ...{ source, selections: [selection], destination: "/", owner: { uid: getuid(), gid: getgid() } },
    ...{ exclude, parents: true, unpack: "never" },
  });
  closeSync(fd);
  return target;
}

const namesIn = (folder: string) => (readdirSync(folder, { recursive: true }) as string[]).sort();

test("two stars of --parents are any number of directories, and none", () =>
  inTree(async ({ tree }) => {
    const select = (pattern: string) => selectSources(tree, matching(pattern)).map((one) => one.named);
    assert.deepEqual(select("**/package.json"), [
      ...[".hidden/package.json", "a/b/c/package.json", "a/b/package.json"],
      ...["a/package.json", "package.json"],
    ]);
    assert.deepEqual(select("a/**/package.json"), [
      ...["a/b/c/package.json", "a/b/package.json", "a/package.json"],
    ]);
    assert.deepEqual(select("a/./**/package.json"), [
      ...["a/./b/c/package.json", "a/./b/package.json", "a/./package.json"],
    ]);
    assert.deepEqual(select("*/./b"), ["a/./b", "link/./b"]);
    // All of a directory that fits is meant, and it is named once.
    assert.deepEqual(select("**/b"), ["a/b"]);
    assert.deepEqual(select("nothing/**/x"), []);
    // As with BuildKit, behind the pivot no link is followed.
    assert.deepEqual(select("l*"), ["link"]);
    assert.deepEqual(select("l*/package.json"), []);
    assert.throws(() => select("nothing/./**"), { kind: "notFound", message: '"/nothing": not found' });
  }));

test("without --parents two stars are one name, as Go's filepath.Match has them", () =>
  inTree(async ({ tree }) => {
    const found = selectSources(tree, { pattern: "**/package.json", hasWildcards: true });
    assert.deepEqual(
      found.map((one) => one.named),
      [".hidden/package.json", "a/package.json", "link/package.json"],
    );
  }));

test("a copy with --parents keeps directories as they are, behind the pivot", () =>
  inTree(async (place) => {
    chmodSync(join(place.folder, "context/secret"), 0o700);
    const whole = await copy(place, named("secret"));
    assert.deepEqual(namesIn(whole), ["secret", "secret/key"]);
    assert.equal(statSync(join(whole, "secret")).mode & 0o777, 0o700);
    const one = await copy(place, named("secret/key"));
    assert.equal(statSync(join(one, "secret")).mode & 0o777, 0o700);
    assert.deepEqual(namesIn(await copy(place, named("a/./b/c/other"))), ["b", "b/c", "b/c/other"]);
    assert.deepEqual(namesIn(await copy(place, matching("a/./**/other"))), ["b", "b/c", "b/c/other"]);
    assert.deepEqual(namesIn(await copy(place, matching("**/package.json"), ["a/b", "package.json"])), [
      ...[".hidden", ".hidden/package.json", "a", "a/package.json"],
    ]);
    assert.deepEqual(namesIn(await copy(place, named("a"), ["a/b/c", "!a/b/c/other"])), [
      ...["a", "a/b", "a/b/c", "a/b/c/other", "a/b/package.json", "a/package.json"],
    ]);
  }));

test("a copy with --parents keeps a link that it names, and puts what it copies in the place of one", () =>
  inTree(async (place) => {
    const target = await copy(place, named("link"));
    assert.equal(readlinkSync(join(target, "link")), "a");
    assert.deepEqual(namesIn(await copy(place, matching("l*"))), ["link"]);
    assert.deepEqual(namesIn(await copy(place, named("link/./b/c/other"))), ["b", "b/c", "b/c/other"]);
    mkdirSync(join(target, "a"));
    symlinkSync("elsewhere", join(target, "a/package.json"));
    await copy(place, named("a/package.json"), [], target);
    assert.ok(lstatSync(join(target, "a/package.json")).isFile());
  }));

test("what a copy with --parents depends on has the directories on the way in it", () =>
  inTree(async ({ folder, tree }) => {
    const sum = (selection: Selection, exclude: string[] = []) => checksumSources(tree, [selection], exclude);
    const all = [named("secret/key"), matching("**/key"), named("secret/./key")];
    const before = all.map((one) => sum(one));
    const without = sum({ pattern: "secret/key", hasWildcards: false });
    chmodSync(join(folder, "context/secret"), 0o711);
    const after = all.map((one) => sum(one));
    assert.notEqual(after[0], before[0]);
    assert.notEqual(after[1], before[1]);
    // In front of the pivot it does not count, nor does it without the flag.
    assert.equal(after[2], before[2]);
    assert.equal(sum({ pattern: "secret/key", hasWildcards: false }), without);
    mkdirSync(join(folder, "context/a/b/c/deep"));
    assert.notEqual(sum(matching("**/c")), sum(matching("**/c"), ["a/b/c/deep"]));
  }));

test("a client sends what two stars are meant for, and no directory without it", () =>
  inTree(async ({ folder }) => {
    const list = (followPaths: string[]) =>
      [...listContext(join(folder, "context"), { followPaths, excludePatterns: [] })].map(
        ({ stat }) => stat.path,
      );
    assert.deepEqual(list(["**/c/other"]), ["a", "a/b", "a/b/c", "a/b/c/other"]);
    assert.deepEqual(list(["l*/**/other"]), ["a", "a/b", "a/b/c", "a/b/c/other", "link"]);
    // A file is no place for what a pattern says behind it.
    assert.ok(!list(["*/other"]).includes("a/b"));
    assert.deepEqual(list(["a/**/package.json"]), [
      ...["a", "a/b", "a/b/c", "a/b/c/package.json", "a/b/package.json", "a/package.json"],
    ]);
  }));
