import assert from "node:assert/strict";
import { test } from "node:test";
import { createContent, quickSettings, serveContent, startServer } from "../distribution/fixtures.ts";
import { load, makeDockerArchive, makeTar, openStore, type Store } from "./fixtures.ts";
import { addImage, layer, pull } from "./pull-fixtures.ts";

/** Prunes, and collects what no one has used, as often as it can while `work` runs. */
async function pruning<T>({ images }: Store, work: Promise<T>): Promise<T> {
  let isOver = false;
  const end = () => {
    isOver = true;
  };
  work.then(end, end);
  const policy = { keepLast: 0, unusedForSeconds: 600, highWaterPercent: undefined, lowWaterPercent: 0 };
  while (!isOver) {
    await images.prune({ dangling: true, users: new Map() });
    await images.collectGarbage(policy, new Map());
    await new Promise(setImmediate);
  }
  return work;
}

test("images that are being loaded are not pruned before they have their names", async () => {
  await using store = await openStore();
  const names = Array.from({ length: 40 }, (_, at) => `x:${at}`);
  const archive = makeDockerArchive(
    names.map((name) => ({ layers: [{ tar: makeTar([{ name, data: name }]) }], tags: [name] })),
  );
  await pruning(store, load(store.images, archive));
  for (const name of names) assert.ok(store.images.findImage(name), name);
});

test("nor are images that are being pulled", async () => {
  const content = createContent();
  const tags = Array.from({ length: 20 }, (_, at) => `t${at}`);
  for (const tag of tags) addImage(content, tag, [layer(tag)]);
  await using server = await startServer(serveContent(content));
  await using store = await openStore(quickSettings());
  await pruning(store, pull(store.images, `${server.host}/x`));
  for (const tag of tags) assert.ok(store.images.findImage(`${server.host}/x:${tag}`), tag);
});
