import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { test } from "node:test";
import { shortId } from "../../src/formats/digest.ts";
import type { ImageUsers } from "../../src/images/images.ts";
import { contentOf } from "../../src/images/select-manifest.ts";
import { load, makeDockerArchive, makeTar, openStore, readStream, type Store } from "./fixtures.ts";

const one = { tar: makeTar([{ name: "one", data: "1" }]) };
const two = { tar: makeTar([{ name: "two", data: "22" }]) };
const containerId = "c0ffee".padEnd(64, "0");

const remove = (
  store: Store,
  name: string,
  options: { force?: boolean; noPrune?: boolean; users?: ImageUsers } = {},
) => store.images.remove(name, { force: false, noPrune: false, users: new Map(), ...options });

async function makeStore() {
  const store = await openStore();
  await load(
    store.images,
    makeDockerArchive([
      { layers: [one], tags: ["a:1", "a:2"] },
      { layers: [one, two], tags: ["b:latest"] },
    ]),
  );
  return store;
}

test("a name is untagged while others are left; the last one takes the image, and layers that nobody else has", async () => {
  await using store = await makeStore();
  const { id } = store.images.getImage("a:1");
  const { layers } = contentOf(store.images.getImage("a:1"));
  const [shared = ""] = layers;
  assert.deepEqual(await remove(store, "a:1"), [{ Untagged: "a:1" }]);
  assert.deepEqual(await remove(store, "a:2"), [{ Untagged: "a:2" }, { Deleted: id }]);
  const b = store.images.getImage("b");
  assert.deepEqual(await remove(store, shortId(b.id)), [
    { Untagged: "b:latest" },
    { Deleted: b.id },
    { Deleted: contentOf(b).layers[1] },
    { Deleted: shared },
  ]);
  assert.deepEqual(readdirSync(join(store.root, "layers")), ["0"]);
  assert.deepEqual(readdirSync(join(store.root, "blobs/sha256")), []);
  assert.deepEqual(
    store.events.filter(({ Action }) => Action !== "load").map(({ Action }) => Action),
    ["untag", "untag", "delete", "untag", "delete"],
  );
});

test("what is in use is refused in docker's words", async () => {
  await using store = await makeStore();
  const a = store.images.getImage("a:1");
  const b = store.images.getImage("b");
  const user = (id: string, running: boolean): ImageUsers =>
    new Map([[id, [{ containerId, imageName: "x", running }]]]);
  const short = shortId(b.id);
  const refuse = (name: string, options: Parameters<typeof remove>[2], message: string) =>
    assert.rejects(remove(store, name, options), { kind: "conflict", message });
  await refuse(
    "b",
    { users: user(b.id, false) },
    `conflict: unable to remove repository reference "b" (must force) - container c0ffee000000 is using its referenced image ${short}`,
  );
  await refuse(
    short,
    { users: user(b.id, false) },
    `conflict: unable to delete ${short} (must be forced) - image is being used by stopped container c0ffee000000`,
  );
  await refuse(
    short,
    { users: user(b.id, true), force: true },
    `conflict: unable to delete ${short} (cannot be forced) - image is being used by running container c0ffee000000`,
  );
  await refuse(
    shortId(a.id),
    {},
    `conflict: unable to delete ${shortId(a.id)} (must be forced) - image is referenced in multiple repositories`,
  );
  await assert.rejects(remove(store, "nope"), { kind: "notFound", message: "No such image: nope:latest" });
  assert.equal(store.images.list().length, 2);
  assert.deepEqual(await remove(store, "b", { users: user(b.id, true), force: true }), [
    { Untagged: "b:latest" },
  ]);
  assert.ok(store.images.findImage(b.id));
  const [, ...rest] = await remove(store, shortId(a.id), { force: true });
  assert.deepEqual(rest, [{ Untagged: "a:2" }, { Deleted: a.id }]);
});

test("an image with children stays, and goes with its last child when it has no name", async () => {
  await using store = await makeStore();
  const parent = store.images.getImage("a:1");
  const upper = join(store.root, "upper");
  mkdirSync(upper);
  const child = await store.images.commit({
    parent,
    upperDirectory: upper,
    config: {},
    repository: "child",
  });
  const short = shortId(parent.id);
  await remove(store, "a:1");
  await assert.rejects(remove(store, short, { force: true }), {
    message: `conflict: unable to delete ${short} (cannot be forced) - image has dependent child images`,
  });
  assert.deepEqual(await remove(store, "a:2"), [{ Untagged: "a:2" }]);
  assert.ok(store.images.findImage(parent.id));
  const items = await remove(store, "child");
  assert.deepEqual(items.filter(({ Deleted }) => Deleted === child.id || Deleted === parent.id).length, 2);
  assert.equal(store.images.findImage(parent.id), undefined);
});

test("layers that a container holds survive a forced removal and a restart, and go when it lets go", async () => {
  await using store = await makeStore();
  const image = store.images.getImage("b");
  const directories = store.images.lowerDirectories(image);
  store.images.hold(image.id, containerId);
  await remove(store, "a:1", { force: true });
  await remove(store, "a:2", { force: true });
  await remove(store, "b", { force: true });
  await store.reopen();
  assert.deepEqual(store.images.heldDirectories(containerId), directories);
  assert.ok(directories.every(existsSync));
  await store.images.release(containerId);
  assert.ok(!directories.some(existsSync));
});

test("prune spares what has none, or not all, of the labels that exclude it, and stops when no one waits for it", async () => {
  await using store = await makeStore();
  const without = (...labels: string[]) => new Map([["label!", labels]]);
  const base = { dangling: false, users: new Map() };
  const gone = AbortSignal.abort();
  assert.deepEqual((await store.images.prune({ ...base, gone })).deleted, []);
  await store.images.importRootfs(Readable.from([makeTar([])]), {
    repository: "labelled",
    changes: ["LABEL keep=1"],
  });
  const tags = () => store.images.list().flatMap(({ id }) => store.images.references(id).tags);
  await store.images.prune({ ...base, filters: without("keep", "keep=1") });
  assert.deepEqual(tags(), ["labelled:latest"]);
  await store.images.prune({ ...base, filters: without("keep", "other") });
  assert.deepEqual(tags(), []);
});

test("prune takes what has no tag, or all that is unused", async () => {
  await using store = await makeStore();
  const a = store.images.getImage("a:1");
  const b = store.images.getImage("b");
  store.images.tag("a:1", "b");
  const users: ImageUsers = new Map([[a.id, [{ containerId, imageName: "a:1", running: false }]]]);
  const base = { dangling: true, users };
  assert.deepEqual((await store.images.prune({ ...base, until: 0 })).deleted, []);
  assert.deepEqual((await store.images.prune({ ...base, filters: new Map([["label", ["x"]]]) })).deleted, []);
  assert.deepEqual(await store.images.prune(base), {
    deleted: [{ Deleted: b.id }, { Deleted: contentOf(b).layers[1] }],
    spaceReclaimedBytes: 2,
  });
  assert.deepEqual((await store.images.prune({ dangling: false, users })).deleted, []);
  const all = await store.images.prune({ dangling: false, users: new Map() });
  assert.deepEqual(all.deleted, [
    { Untagged: "a:1" },
    { Untagged: "a:2" },
    { Untagged: "b:latest" },
    { Deleted: a.id },
    { Deleted: contentOf(a).layers[0] },
  ]);
});

test("an image that is removed while it is saved is saved whole", async () => {
  await using store = await makeStore();
  const whole = await readStream(await store.images.save(["b"]));
  const archive = await store.images.save(["b"]);
  await remove(store, "b", { force: true });
  assert.deepEqual(await readStream(archive), whole);
});

test("by its own digest an image is known in each repository that it has a name in, and loses all names there", async () => {
  await using store = await makeStore();
  const { id } = store.images.getImage("a:1");
  store.images.tag("a:1", "example.com/c", "1");
  assert.deepEqual(store.images.references(id), {
    tags: ["a:1", "a:2", "example.com/c:1"],
    digests: [`a@${id}`, `example.com/c@${id}`],
  });
  assert.deepEqual(await remove(store, `a@${id}`), [{ Untagged: "a:1" }, { Untagged: "a:2" }]);
  assert.equal(store.images.findImage(`a@${id}`), undefined);
  assert.deepEqual(store.images.references(id).digests, [`example.com/c@${id}`]);
});

test("images are found by name, id and prefix", async () => {
  await using store = await makeStore();
  const { id } = store.images.getImage("a:1");
  for (const name of [
    "a:1",
    "docker.io/library/a:2",
    id,
    id.slice(7),
    id.slice(7, 19),
    id.slice(0, 20),
    `a@${id}`,
  ]) {
    assert.equal(store.images.findImage(name)?.id, id, name);
  }
  for (const name of ["zz", "a:3", "", "UPPER", `${id.slice(0, -1)}x`, "sha256:", `b@${id}`]) {
    assert.equal(store.images.findImage(name), undefined, name);
  }
  assert.throws(() => store.images.getImage("UPPER"), { kind: "invalid" });
  assert.throws(() => store.images.getImage("f".repeat(64)), { message: `No such image: ${"f".repeat(64)}` });
});

test("an image that is named while others are collected as garbage stays", async () => {
  await using store = await openStore();
  const archives = ["x", "y"].map((name) => ({
    layers: [{ tar: makeTar([{ name }]) }],
    tags: [`${name}:1`],
  }));
  await load(store.images, makeDockerArchive(archives));
  const named = new Set<string>();
  store.subscribe(({ Action, Actor }) => {
    if (Action !== "delete" || named.size > 0) return;
    const left = store.images.list().find(({ id }) => id !== Actor.ID);
    assert.ok(left);
    named.add(left.id);
    store.images.tag(left.id, "wanted", "1");
  });
  const policy = { keepLast: 0, unusedForSeconds: 0, lowWaterPercent: 0 };
  await store.images.collectGarbage(policy, new Map());
  assert.deepEqual(
    store.images.list().map(({ id }) => id),
    [...named],
  );
});

test("of images that were never used as many stay as are to be kept", async () => {
  await using store = await openStore();
  const upperDirectory = join(store.root, "upper");
  for (const name of ["x", "y", "z"]) {
    mkdirSync(join(upperDirectory, name), { recursive: true });
    await store.images.commit({ upperDirectory, config: {} });
  }
  assert.equal(store.images.list().length, 3);
  await store.images.collectGarbage({ keepLast: 1, unusedForSeconds: 0, lowWaterPercent: 0 }, new Map());
  assert.equal(store.images.list().length, 1);
});
