import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { test } from "node:test";
import { chainIds } from "../../src/formats/digest.ts";
import { hostPlatform } from "../../src/formats/image-config.ts";
import { mainManifest } from "../../src/images/select-manifest.ts";
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

test("nor are those that are imported, committed or built", async () => {
  await using store = await openStore();
  const { images } = store;
  const numbers = Array.from({ length: 15 }, (_, at) => at);
  async function makeEach(at: number): Promise<void> {
    const tar = makeTar([{ name: `file-${at}`, data: "x" }]);
    const imported = await images.importRootfs(Readable.from([tar]), {
      ...{ changes: [], repository: "imported", tag: `${at}` },
    });
    const upperDirectory = mkdtempSync(join(tmpdir(), "bt-upper-"));
    writeFileSync(join(upperDirectory, "new"), `${at}`);
    await images.commit({
      ...{ parent: imported, upperDirectory, config: {}, containerId: "c" },
      ...{ repository: "committed", tag: `${at}` },
    });
    rmSync(upperDirectory, { recursive: true });
    const content = mainManifest(imported).content;
    const config = { ...content.config, comment: `built ${at}` };
    const layers = chainIds(content.config.rootfs.diff_ids);
    const built = { config, layers, base: content, names: [`built:${at}`], annotations: {} };
    await images.addBuilt(built);
    await images.addBuiltIndex({
      ...{ names: [`index:${at}`], annotations: {} },
      parts: [
        {
          ...{ config, layers, base: content, annotations: {}, descriptorAnnotations: {} },
          platform: hostPlatform(),
          statements: () => [],
        },
      ],
    });
  }
  await pruning(store, Promise.all(numbers.map(makeEach)));
  for (const kind of ["imported", "committed", "built", "index"])
    for (const at of numbers) assert.ok(images.findImage(`${kind}:${at}`), `${kind}:${at}`);
});
