import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, it } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { DirectoryVisitor } from "../../src/build/client-session.ts";
import { type ContextStore, openContextStore } from "../../src/build/context/context-store.ts";
import { openStoredTree } from "../../src/build/context/stored-tree.ts";
import { eventually } from "../engine.ts";
import { makeSmallDisk } from "../small-disk.ts";

let root: string;
let store: ContextStore;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "berth-contexts-"));
  store = openContextStore(root);
});
afterEach(() => removeRoot());
/** Folders may be on their way out, which ends the removal early. */
const removeRoot = () =>
  eventually(
    () => {
      rmSync(root, { recursive: true, force: true });
      return existsSync(root);
    },
    (isThere) => !isThere,
  );

/** Sends files of one time, by name. @returns the names of those whose content was asked for */
function send(visitor: DirectoryVisitor, files: Record<string, string>, seconds = 1): string[] {
  const owner = { uid: 0, gid: 0, mode: 0o644 };
  const asked = Object.keys(files).filter((path, number) => {
    const sizeBytes = Buffer.byteLength(files[path] as string);
    const isWanted = visitor.entry({
      path,
      type: "file",
      ...owner,
      sizeBytes,
      mtime: { seconds, nanoseconds: 0 },
    });
    if (!isWanted) return false;
    visitor.data(number, Buffer.from(files[path] as string));
    visitor.end(number);
    return true;
  });
  return asked;
}

const directory = (path: string) => ({
  ...({ path, type: "directory" } as const),
  ...{ mode: 0o755, uid: 0, gid: 0, sizeBytes: 0 },
  mtime: { seconds: 1, nanoseconds: 0 },
});

async function receive(key: string | undefined, files: Record<string, string>, seconds?: number) {
  let asked: string[] = [];
  const tree = await store.receive(key, async (visitor) => {
    asked = send(visitor, files, seconds);
  });
  return { tree, asked };
}

const readFile = (path: string, name: string) =>
  Buffer.concat([...openStoredTree(path).read(name)].map((piece) => Buffer.from(piece))).toString();
const filesOf = () =>
  readdirSync(root, { recursive: true, withFileTypes: true }).filter((one) => one.isFile()).length;
const filesAre = (count: number) =>
  eventually(
    () => filesOf(),
    (found) => found === count,
  );

it("of what is as it was nothing is asked, and what is gone is gone", async () => {
  const first = await receive("key", { a: "1", b: "2" });
  assert.deepEqual(first.asked, ["a", "b"]);
  first.tree.release();
  const second = await receive("key", { a: "1", b: "new", c: "3" });
  assert.deepEqual(second.asked, ["b", "c"]);
  assert.deepEqual(
    ["a", "b", "c"].map((name) => readFile(second.tree.path, name)),
    ["1", "new", "3"],
  );
  assert.equal(second.tree.sentBytes, 4);
  second.tree.release();
  const third = await receive("key", { a: "x" }, 2);
  assert.deepEqual(third.asked, ["a"]);
  assert.equal(openStoredTree(third.tree.path).find("b"), undefined);
  third.tree.release();
  assert.deepEqual((await receive("other", { a: "1" })).asked, ["a"]);
});

it("packs hold no more than twice what is used", async () => {
  const count = 10;
  // With each round one file less changes.
  const filesIn = (round: number) =>
    Array.from(
      { length: count },
      (_, number) => [`f${number}`, "x".repeat(100_000 + Math.min(number, round))] as const,
    );
  for (let round = 0; round < count; round++) {
    const { tree } = await receive("key", Object.fromEntries(filesIn(round)));
    for (const [name, content] of filesIn(round)) assert.equal(readFile(tree.path, name), content);
    tree.release();
  }
  const sizeBytes = async () => (await store.list())[0]?.sizeBytes ?? 0;
  const bytes = await eventually(sizeBytes, (found) => found <= 2 * count * 100_010);
  assert.ok(bytes > count * 100_010, "no pack keeps what is not used: nothing is tried here");
  assert.deepEqual((await receive("key", Object.fromEntries(filesIn(count)))).asked, []);
});

it("a tree stays while it is read, and goes with its content when the last one is done", async () => {
  const { tree } = await receive("key", { a: "1" });
  (await receive("key", { a: "two" })).tree.release();
  assert.equal(readFile(tree.path, "a"), "1");
  const [{ id } = { id: "" }] = await store.list();
  assert.equal(await store.remove(id), false);
  const before = filesOf();
  tree.release();
  tree.release();
  await filesAre(before - 2);
  assert.equal(await store.remove(id), true);
  await filesAre(0);
});

it("two receive at once by one key, each what it was sent", async () => {
  const gate = Promise.withResolvers<void>();
  const slow = store.receive("key", async (visitor) => {
    send(visitor, { a: "slow" });
    await gate.promise;
  });
  const { tree } = await receive("key", { a: "quick" });
  gate.resolve();
  const late = await slow;
  assert.equal(readFile(tree.path, "a"), "quick");
  assert.equal(readFile(late.path, "a"), "slow");
  tree.release();
  late.release();
});

it("what breaks off leaves nothing, and what has no key goes with its reader", async () => {
  const broken = store.receive("key", async (visitor) => {
    send(visitor, { a: "1".repeat(1 << 20), b: "2" });
    throw new Error("it broke");
  });
  await assert.rejects(broken, /it broke/);
  const missing = store.receive("key", async (visitor) => {
    visitor.entry({
      ...{ path: "a", type: "file", mode: 0, uid: 0, gid: 0, sizeBytes: 1 },
      mtime: { seconds: 0, nanoseconds: 0 },
    });
  });
  await assert.rejects(missing, /did not send the content of "a"/);
  await filesAre(0);
  const { tree } = await receive(undefined, { a: "1" });
  await filesAre(2);
  tree.release();
  await filesAre(0);
});

it("is found again by the next daemon, unless the machine was started since", async () => {
  (await receive("key", { a: "1" })).tree.release();
  store = openContextStore(root);
  const again = await receive("key", { a: "1" });
  assert.deepEqual(again.asked, []);
  assert.equal(readFile(again.tree.path, "a"), "1");
  again.tree.release();
  mkdirSync(join(root, "another-boot", "folder"), { recursive: true });
  writeFileSync(join(root, "another-boot", "folder", "tree-x"), "no JSON");
  store = openContextStore(root);
  await eventually(
    () => readdirSync(root),
    (names) => !names.includes("another-boot"),
  );
});

/** The one folder of the store. */
function folderPath(): string {
  const [boot = ""] = readdirSync(root);
  const [id = ""] = readdirSync(join(root, boot));
  return join(root, boot, id);
}

it("of what a killed daemon left only a tree with all its content is taken, the newest", async () => {
  (await receive("key", { a: "1" })).tree.release();
  const folder = folderPath();
  const [tree = ""] = readdirSync(folder).filter((name) => name.startsWith("tree-"));
  const lines = readFileSync(join(folder, tree), "utf8");
  const leave = (name: string, text: string, madeAt: number) => {
    writeFileSync(join(folder, name), text);
    utimesSync(join(folder, name), madeAt, madeAt);
  };
  utimesSync(join(folder, tree), 2000, 2000);
  leave("tree-0-older", lines.replace('"a"', '"older"'), 1000);
  leave("tree-0-robbed", lines.replaceAll("pack-", "pack-0-gone-"), 3000);
  leave("tree-0-broken", lines.slice(0, 20), 4000);
  store = openContextStore(root);
  const again = await receive("key", { a: "1" });
  assert.deepEqual(again.asked, []);
  assert.equal(readFile(again.tree.path, "a"), "1");
  again.tree.release();
  await filesAre(2);
  leave("tree-0-broken", "no JSON", 4000);
  rmSync(join(folder, readdirSync(folder).find((name) => name.startsWith("pack-")) as string));
  store = openContextStore(root);
  assert.deepEqual((await receive("key", { a: "1" })).asked, ["a"]);
});

it("a folder that cannot be opened is tried again, and hides no other", async () => {
  (await receive("good", { a: "1" })).tree.release();
  const [{ id } = { id: "" }] = await store.list();
  const home = dirname(folderPath());
  const [bad] = ["bad"].map((key) => createHash("sha256").update(key).digest("hex").slice(0, 25));
  writeFileSync(join(home, bad as string), "no folder");
  store = openContextStore(root);
  assert.deepEqual(
    (await store.list()).map((one) => one.id),
    [id],
  );
  await assert.rejects(receive("bad", { a: "1" }), { code: "EEXIST" });
  rmSync(join(home, bad as string));
  (await receive("bad", { a: "1" })).tree.release();
  assert.equal((await store.list()).length, 2);
});

it("who comes while a folder is removed gets another, and the next daemon removes what was left of it", async () => {
  (await receive("key", { a: "1" })).tree.release();
  const [{ id } = { id: "" }] = await store.list();
  const removed = store.remove(id);
  await nextTurn();
  const { tree, asked } = await receive("key", { a: "2" });
  assert.equal(await removed, true);
  assert.deepEqual(asked, ["a"]);
  assert.equal(readFile(tree.path, "a"), "2");
  tree.release();
  const folder = folderPath();
  renameSync(folder, join(dirname(folder), "removed-0123456789abcdef01234567"));
  store = openContextStore(root);
  await filesAre(0);
  assert.deepEqual(await store.list(), []);
});

it("what never came has no folder", async () => {
  for (const key of [undefined, "key"]) {
    const broken = store.receive(key, () => Promise.reject(new Error("it broke")));
    await assert.rejects(broken, /it broke/);
  }
  await eventually(
    () => store.list(),
    (kept) => kept.length === 0,
  );
});

it("of one that an earlier daemon kept is known when it was used last", async () => {
  (await receive("key", { a: "1" })).tree.release();
  const folder = folderPath();
  const [tree = ""] = await eventually(
    () => readdirSync(folder).filter((name) => name.startsWith("tree-")),
    ({ length }) => length === 1,
  );
  utimesSync(join(folder, tree), 1000, 1000);
  store = openContextStore(root);
  assert.equal((await store.list())[0]?.lastUsedAt, 1_000_000);
  const before = Date.now();
  (await receive("key", { a: "1" })).tree.release();
  assert.ok(((await store.list())[0]?.lastUsedAt ?? 0) >= before);
});

it("a reader lets go of its tree though the folder cannot be read", async () => {
  const { tree } = await receive("key", { a: "1" });
  const later = await receive("key", { a: "two" });
  rmSync(folderPath(), { recursive: true });
  tree.release();
  later.tree.release();
  await eventually(
    () => store.list(),
    ([kept]) => kept?.inUse === false,
  );
});

it("says that the disk is full as Docker says it, also before the first folder", async () => {
  await using disk = makeSmallDisk(1);
  const small = openContextStore(disk.path);
  const send = () => small.receive("key", async (visitor) => void visitor.entry(directory("d")));
  const fillers = Array.from({ length: 10_000 }, (_, number) => join(disk.path, `filler-${number}`));
  const isFull = fillers.some((path) => {
    try {
      writeFileSync(path, Buffer.alloc(4096));
      return false;
    } catch {
      return true;
    }
  });
  assert.ok(isFull);
  await assert.rejects(send(), { message: /no space left on device/, kind: "internal" });
  for (const path of fillers) rmSync(path, { force: true });
  (await send()).release();
});

it("large and small files that come interleaved are what they were, and what waits is bounded", async () => {
  const pieces = 400;
  const piece = (number: number, at: number) => Buffer.alloc(64 * 1024, `${number}-${at};`);
  let waits = 0;
  const { path, release, sentBytes } = await store.receive("key", async (visitor) => {
    for (const name of ["a", "b"])
      visitor.entry({
        ...{ path: name, type: "file", mode: 0o644, uid: 0, gid: 0, sizeBytes: 0 },
        mtime: { seconds: 1, nanoseconds: 0 },
      });
    for (let at = 0; at < pieces; at++)
      for (const number of [0, 1]) {
        const room = visitor.data(number, piece(number, at));
        if (room) waits++;
        await room;
      }
    for (const number of [0, 1]) await visitor.end(number);
  });
  assert.equal(sentBytes, 2 * pieces * 64 * 1024);
  assert.ok(waits > 0, "it never waited");
  const tree = openStoredTree(path);
  for (const [number, name] of ["a", "b"].entries()) {
    const hash = createHash("sha256");
    for (let at = 0; at < pieces; at++) hash.update(piece(number, at));
    const read = createHash("sha256");
    for (const part of tree.read(name)) read.update(part);
    const expected = hash.digest("hex");
    assert.equal(read.digest("hex"), expected);
    assert.equal(tree.contentDigest(name), expected);
  }
  tree.close();
  release();
});

it("says when content cannot be written, and leaves nothing", async () => {
  const { tree } = await receive("key", { a: "1" });
  const folder = dirname(tree.path);
  tree.release();
  rmSync(folder, { recursive: true });
  await assert.rejects(receive("key", { a: "other" }), { code: "ENOENT" });
});
