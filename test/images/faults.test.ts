import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { mainManifest } from "../../src/images/select-manifest.ts";
import { holdKind, imageKind, layerKind, referenceKind } from "../../src/images/store/kinds.ts";
import { load, type Member, makeDockerArchive, makeTar, openStore } from "./fixtures.ts";

function makeLayer(files: number, bytes: number): { tar: Buffer } {
  const members: Member[] = Array.from({ length: files }, (_, at) => ({
    name: `d/f${at}`,
    data: Buffer.alloc(bytes, at),
  }));
  return { tar: makeTar(members) };
}

function contentOf(root: string): string[] {
  return ["blobs/tmp", "blobs/sha256", "blobs/frames", "layers"].flatMap((folder) =>
    readdirSync(join(root, folder)).map((name) => `${folder}/${name}`),
  );
}

test("a full disk is one clear error, whether the archive or the layers do not fit, and leaves nothing", async () => {
  await using store = await openStore(undefined, 12);
  const { images, root } = store;
  const before = contentOf(root);
  const packed = ({ tar }: { tar: Buffer }) => ({ tar, blob: gzipSync(tar) });
  for (const [what, layers] of Object.entries({
    "one of 14 MB": [makeLayer(14, 1 << 20)],
    "the second of 7 MB": [makeLayer(7, 1 << 20), makeLayer(7, (1 << 20) + 1)],
    "what is no layer": [{ ...makeLayer(1, 1), blob: randomBytes(14 << 20) }],
    "what a small archive unpacks to": [packed(makeLayer(14, 1 << 20))],
  })) {
    const archive = makeDockerArchive([{ layers, tags: ["x:1"] }]);
    await assert.rejects(load(images, archive), { kind: "internal", message: /no space left on device$/ });
    assert.deepEqual(contentOf(root), before, what);
  }
  await load(images, makeDockerArchive([{ layers: [makeLayer(1, 1 << 20)], tags: ["x:1"] }]));
});

test("a daemon that is killed while it loads leaves nothing half-made", async () => {
  await using store = await openStore();
  const before = contentOf(store.root);
  const archive = join(store.root, "archive.tar");
  writeFileSync(
    archive,
    makeDockerArchive([{ layers: [makeLayer(3000, 100), makeLayer(2000, 2000)], tags: ["x:1"] }]),
  );
  const script = `
    import { createReadStream } from "node:fs";
    const { createImages } = await import(${JSON.stringify(import.meta.resolve("../../src/images/images.ts"))});
    const { createEvents } = await import(${JSON.stringify(import.meta.resolve("../../src/events/events.ts"))});
    const { createLogger } = await import(${JSON.stringify(import.meta.resolve("../../src/logger.ts"))});
    const { openState } = await import(${JSON.stringify(import.meta.resolve("../../src/state/state.ts"))});
    const logger = createLogger("silent");
    const root = process.argv[2];
    const images = await createImages({ root, state: openState(root + "/state.db", logger), events: createEvents(), logger });
    console.log("ready");
    await images.load(createReadStream(root + "/archive.tar"), () => {});
    console.log("loaded");
    setInterval(() => {}, 1000);`;
  const program = join(store.root, "program.mjs");
  writeFileSync(program, script);
  const stages = new Set<string>();
  for (const delay of [0, 30, 60, 90, 120, 160, 200, 300]) {
    const child = spawn(process.execPath, [program, store.root], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await Promise.race([once(child.stdout, "data"), once(child, "exit").then(() => assert.fail("it ended"))]);
    await sleep(delay);
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
    stages.add(
      contentOf(store.root)
        .map((path) => path.replace(/\d+$|[0-9a-f]{64}/, "N"))
        .join(),
    );
    await store.reopen();
    const image = store.images.findImage("x:1");
    if (image) {
      assert.equal(store.images.lowerDirectories(image).length, 2);
      await store.images.remove("x:1", { force: true, noPrune: false, users: new Map() });
    } else if (store.images.list().length > 0) {
      // Recorded, and not yet named.
      await store.images.prune({ dangling: true, users: new Map() });
    }
    assert.deepEqual(contentOf(store.root), before, `killed after ${delay} ms`);
  }
  assert.ok(stages.size > 1, "the kills came at different stages");
});

test("two clients that load the same images at once share the work", async () => {
  await using store = await openStore();
  const archive = makeDockerArchive([{ layers: [makeLayer(200, 10), makeLayer(300, 20)], tags: ["x:1"] }]);
  const other = makeDockerArchive([{ layers: [makeLayer(200, 10)], tags: ["y:1"] }]);
  await Promise.all([load(store.images, archive), load(store.images, archive), load(store.images, other)]);
  assert.deepEqual(readdirSync(join(store.root, "layers")).sort(), ["0", "1", "2"]);
  assert.deepEqual(readdirSync(join(store.root, "blobs/tmp")), []);
});

test("loading and removing the same image at once never breaks it", async () => {
  await using store = await openStore();
  const archive = makeDockerArchive([{ layers: [makeLayer(50, 10)], tags: ["x:1"] }]);
  for (let round = 0; round < 10; round++) {
    const removal = store.images.findImage("x:1")
      ? store.images.remove("x:1", { force: true, noPrune: false, users: new Map() })
      : undefined;
    await Promise.all([load(store.images, archive), removal]);
    const [directory = ""] = store.images.lowerDirectories(store.images.getImage("x:1"));
    assert.equal(readdirSync(join(directory, "d")).length, 50);
    assert.equal(
      readFileSync(join(store.root, "blobs/sha256", store.images.getImage("x:1").id.slice(7))).length > 0,
      true,
    );
  }
});

test("an upload that breaks off is an error and leaves nothing", async () => {
  await using store = await openStore();
  const before = contentOf(store.root);
  for (const [layer, bytes] of [
    [makeLayer(10, 10), 5000],
    [makeLayer(10, 1 << 20), 5 << 20],
  ] as const) {
    const archive = makeDockerArchive([{ layers: [layer], tags: ["x:1"] }]);
    async function* breakOff() {
      yield archive.subarray(0, bytes);
      throw new Error("the client has gone");
    }
    await assert.rejects(
      store.images.load(Readable.from(breakOff()), () => {}),
      /the client has gone/,
    );
    await assert.rejects(
      store.images.importRootfs(Readable.from(breakOff()), { changes: [] }),
      /the client has gone/,
    );
    assert.deepEqual(contentOf(store.root), before);
  }
});

test("an image of 127 layers fits, and one of 128 does not", async () => {
  await using store = await openStore();
  const layers = Array.from({ length: 128 }, (_, at) => ({
    tar: makeTar([{ name: `f${at}`, data: String(at) }]),
  }));
  await load(store.images, makeDockerArchive([{ layers: layers.slice(0, 127), tags: ["x:1"] }]));
  const directories = store.images.lowerDirectories(store.images.getImage("x:1"));
  assert.ok(directories.map((path) => path.replace(store.root, "/var/lib/berth")).join(":").length < 3700);
  const upper = join(store.root, "upper");
  mkdirSync(upper);
  const parent = store.images.getImage("x:1");
  await assert.rejects(store.images.commit({ parent, upperDirectory: upper, config: {} }), {
    kind: "invalid",
    message: "max depth exceeded",
  });
  assert.equal(store.images.list().length, 1);
});

test("a damaged record or a missing layer costs that image and no other", async () => {
  await using store = await openStore();
  const archive = makeDockerArchive(
    ["v", "w", "x", "y", "z"].map((name, at) => ({ layers: [makeLayer(at + 1, at)], tags: [`${name}:1`] })),
  );
  await load(store.images, archive);
  const [v, w, x, y] = ["v:1", "w:1", "x:1", "y:1"].map((name) => store.images.getImage(name));
  assert.ok(v && w && x && y);
  store.state.records(layerKind).delete(mainManifest(v).content.layers[0] ?? "");
  store.state.records({ ...imageKind, read: (value) => value }).put(w.id, { id: w.id });
  rmSync(store.images.lowerDirectories(x)[0] ?? "", { recursive: true });
  store.state.records({ ...referenceKind, read: (value) => value }).put("NOT a name", { id: y.id });
  await store.reopen();
  const left = ["v:1", "w:1", "x:1", "y:1", "z:1"].filter((name) => store.images.findImage(name));
  assert.deepEqual(left, ["y:1", "z:1"]);
  await load(store.images, archive);
  assert.equal(store.images.list().length, 5);
});

test("records are stored as their shapes have them, so that a start makes no copies of thousands", async () => {
  await using store = await openStore();
  await load(store.images, makeDockerArchive([{ layers: [makeLayer(1, 1)], tags: ["v:1", "w:1"] }]));
  store.images.hold(store.images.getImage("v:1").id, "c0ffee");
  for (const kind of [imageKind, layerKind, referenceKind, holdKind]) {
    const stored = store.state.records({ ...kind, read: (value) => value }).load();
    assert.ok(stored.size > 0, kind.name);
    for (const value of stored.values()) assert.equal(kind.read(value), value, kind.name);
  }
});
