import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import { chainIds } from "../../src/formats/digest.ts";
import { mainManifest } from "../../src/images/select-manifest.ts";
import { makeTar, openStore, type Store } from "./fixtures.ts";

/** @returns what a builder adds, as often as it is called the same image */
async function prepare({ images }: Store) {
  const tar = makeTar([{ name: "file", data: "x" }]);
  const imported = await images.importRootfs(Readable.from([tar]), { changes: [], repository: "base" });
  const { content } = mainManifest(imported);
  const config = { ...content.config, comment: "built" };
  const layers = chainIds(content.config.rootfs.diff_ids);
  const built = { config, layers, base: content, names: [], annotations: {} };
  return async (holder?: symbol) => (await images.addBuilt({ ...built, holder })).id;
}

test("an image that is here for an export alone goes with the last that has it", async () => {
  await using store = await openStore();
  const add = await prepare(store);
  const [one, other] = [Symbol("one"), Symbol("other")];
  const id = await add(one);
  assert.equal(await add(other), id);
  await store.images.prune({ dangling: true, users: new Map() });
  await store.images.letGo(one);
  await store.images.letGo(one);
  assert.ok(store.images.findImage(id));
  await store.images.letGo(other);
  assert.equal(store.images.findImage(id), undefined);
});

test("and stays where it was there before, or is kept, named or used meanwhile", async () => {
  await using store = await openStore();
  const add = await prepare(store);
  const { images } = store;
  const holder = Symbol("export");
  const uses: ((id: string) => unknown)[] = [
    () => add(),
    (id) => images.tag(id, "named", "1"),
    (id) => images.hold(id, "container"),
  ];
  for (const use of uses) {
    const id = await add(holder);
    await use(id);
    await images.letGo(holder);
    assert.ok(images.findImage(id), `${use}`);
    await add(holder);
    await images.letGo(holder);
    assert.ok(images.findImage(id), "it was there before");
    await images.remove(id, { force: true, noPrune: true, users: new Map() });
  }
});

test("one that was removed meanwhile and is here again belongs to those that brought it", async () => {
  await using store = await openStore();
  const add = await prepare(store);
  const [one, other] = [Symbol("one"), Symbol("other")];
  const id = await add(one);
  await store.images.remove(id, { force: true, noPrune: true, users: new Map() });
  await add(other);
  await store.images.letGo(one);
  assert.ok(store.images.findImage(id));
  await store.images.letGo(other);
  assert.equal(store.images.findImage(id), undefined);
});
