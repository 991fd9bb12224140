import assert from "node:assert/strict";
import { test } from "node:test";
import type { LayerEntry } from "../../src/formats/docker-api/docker-api-layers.ts";
import { load, makeDockerArchive, makeTar, openStore, readStream, type Store } from "./fixtures.ts";

const layers = [
  {
    tar: makeTar([
      { name: "etc/" },
      { name: "etc/motd", data: "hello" },
      { name: "etc/same", data: "12345678" },
      { name: "etc/twin", type: "link", linkName: "etc/same" },
      { name: "old/" },
      { name: "old/big", data: "x".repeat(100_000) },
      { name: "outside", type: "symlink", linkName: "../../../etc/motd" },
      { name: "loop", type: "symlink", linkName: "loop" },
      { name: "gone", type: "symlink", linkName: "/old/big" },
      { name: "pipe", type: "fifo" },
    ]),
  },
  {
    tar: makeTar([
      { name: "etc/" },
      { name: "etc/motd", data: "hello again" },
      { name: ".wh.old" },
      { name: "\u001b[31mred", data: "1" },
    ]),
  },
];

async function openImage(store: Store) {
  await load(store.images, makeDockerArchive([{ layers, tags: ["two:latest"], config: {} }]));
  return store.images.getImage("two");
}

async function entriesOf(store: Store, number: number): Promise<LayerEntry[]> {
  const image = store.images.getImage("two");
  const text = (await readStream(store.images.layerEntries(image, number))).toString();
  return text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as LayerEntry);
}

test("an image is analyzed: what each layer does, and the bytes that are not shown", async () => {
  await using store = await openStore();
  const image = await openImage(store);
  const analysis = await store.images.analyze(image);
  assert.equal(analysis.Image, image.id);
  assert.deepEqual(
    analysis.Layers.map(({ Number: number, Size, Added, Modified, Removed }) => [
      number,
      Size,
      Added,
      Modified,
      Removed,
    ]),
    [
      [0, 100_013, 10, 0, 0],
      [1, 12, 1, 1, 2],
    ],
  );
  assert.equal(analysis.WastedBytes, 100_005);
  assert.deepEqual(analysis.Wasted, [
    { Path: "old/big", Copies: 1, Bytes: 100_000 },
    { Path: "etc/motd", Copies: 2, Bytes: 5 },
  ]);
  assert.equal(analysis.Efficiency, 1 - 100_005 / 100_025);
  assert.equal(analysis.UserWastedPercent, 100_005 / 12);
});

test("a layer lists its names, with deletions, links, and the bytes of a hard link once", async () => {
  await using store = await openStore();
  await openImage(store);
  const base = await entriesOf(store, 0);
  const find = (path: string) => base.find(({ Path }) => Path === path);
  const twins = ["etc/same", "etc/twin"].map((path) => find(path));
  assert.deepEqual(twins.map((one) => one?.Kind).sort(), ["file", "hardlink"]);
  assert.equal((twins[0]?.Size ?? 0) + (twins[1]?.Size ?? 0), 8);
  assert.equal(find("outside")?.Target, "../../../etc/motd");
  assert.equal(find("pipe")?.Kind, "fifo");
  const upper = await entriesOf(store, 1);
  assert.equal(upper.find(({ Path }) => Path === "old")?.Kind, "whiteout");
  assert.ok(upper.some(({ Path }) => Path === "\u001b[31mred"));
});

test("a file is read as a layer shows it, and no link leads out of the image", async () => {
  await using store = await openStore();
  const image = await openImage(store);
  const read = async (number: number, path: string) =>
    (await readStream(store.images.readFile({ image, number, path }))).toString();
  assert.equal(await read(0, "/etc/motd"), "hello");
  assert.equal(await read(1, "etc/motd"), "hello again");
  assert.equal(await read(1, "/outside"), "hello again");
  assert.equal((await read(0, "gone")).length, 100_000);
  for (const path of ["gone", "old/big", "none", "etc", "pipe", "../../../../proc/self/environ"])
    await assert.rejects(read(1, path), /there is no file .* in this layer or below it/, path);
  await assert.rejects(read(1, "loop"), /too many levels of symbolic links/);
  await assert.rejects(async () => read(2, "etc/motd"), /no such layer: 2 .* has 2/);
});

test("layers stay while they are read, though the image is removed", async () => {
  await using store = await openStore();
  const image = await openImage(store);
  const entries = store.images.layerEntries(image, 0)[Symbol.asyncIterator]();
  assert.equal((await entries.next()).done, false);
  await store.images.remove("two", { force: true, noPrune: false, users: new Map() });
  const whole = await readStream(store.images.readFile({ image, number: 0, path: "etc/motd" })).catch(String);
  assert.match(whole.toString(), /^hello$/);
  await entries.return?.();
  await assert.rejects(readStream(store.images.readFile({ image, number: 0, path: "etc/motd" })));
});
