import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { containerKind } from "../../src/containers/record.ts";
import { createEvents } from "../../src/events/events.ts";
import { digestOf } from "../../src/formats/digest.ts";
import { mediaTypes, parseManifest } from "../../src/formats/oci-manifest.ts";
import { formatFamiliar, parseReference } from "../../src/formats/reference.ts";
import { createImages } from "../../src/images/images.ts";
import { contentOf } from "../../src/images/select-manifest.ts";
import { openBlobs } from "../../src/images/store/blobs.ts";
import { earlierImageKind, imageKind, imageUseKind, referenceKind } from "../../src/images/store/kinds.ts";
import { upgradeImages } from "../../src/images/upgrade-images.ts";
import { createLogger } from "../../src/logger.ts";
import { openState, type State } from "../../src/state/state.ts";
import { load, readStream } from "./fixtures.ts";

const logger = createLogger("silent");

/** The folder of a store that was written with schema 1. */
function unpackStore(): { root: string } & Disposable {
  const root = mkdtempSync(join(tmpdir(), "berth-earlier-"));
  const archive = fileURLToPath(new URL("store-schema-1.tar.gz", import.meta.url));
  execFileSync("tar", ["-xpzf", archive, "-C", root]);
  return { root, [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }) };
}

async function open(root: string) {
  const state = openState(join(root, "state.db"), logger);
  const images = await createImages({ root, state, events: createEvents(), logger });
  const close = async () => {
    await images.close();
    state.close();
  };
  return { state, images, [Symbol.asyncDispose]: close };
}

/** All that a store had of its images in schema 1, from the copy that is made before it is changed. */
function earlierOf(root: string) {
  const copy = openState(join(root, "state.db.schema-1"), logger);
  const images = copy.records(earlierImageKind).load();
  const references = copy.records(referenceKind).load();
  const containers = copy.records(containerKind).load();
  const uses = copy.records(imageUseKind).load();
  copy.close();
  return { images, references, containers, uses };
}

test("a store of schema 1 opens with every image under the digest of its manifest, and all that named one", async () => {
  using store = unpackStore();
  await using opened = await open(store.root);
  const { images, state } = opened;
  const earlier = earlierOf(store.root);
  assert.equal(images.list().length, earlier.images.size);
  const idOf = new Map(images.list().map((image) => [contentOf(image).configDigest as string, image.id]));
  for (const [configDigest, old] of earlier.images) {
    const image = images.getImage(idOf.get(configDigest) ?? "");
    const bytes = readFileSync(join(store.root, "blobs/sha256", image.id.slice(7)));
    assert.equal(digestOf(bytes), image.id);
    const manifest = parseManifest(bytes.toString());
    assert.ok("config" in manifest);
    assert.equal(manifest.config.digest, configDigest);
    assert.deepEqual(
      manifest.layers.map(({ digest }) => digest),
      old.blobs.map(({ digest }) => digest),
    );
    const { config, layers, sizeBytes, origin } = contentOf(image);
    assert.deepEqual({ config, layers, sizeBytes }, pick(old));
    assert.equal(origin, old.manifest ? "received" : "made");
    if (old.manifest) assert.equal(image.id, old.manifest.digest);
    assert.equal(image.lastTagTime, old.lastTagTime);
    assert.equal(image.parent, idOf.get(old.parent) ?? "");
  }
  for (const [name, { id }] of earlier.references)
    assert.equal(images.getImage(formatFamiliar(parseReference(name))).id, idOf.get(id), name);
  const containers = state.records(containerKind).load();
  for (const [key, { imageId }] of earlier.containers) {
    const now = containers.get(key);
    const isThere = idOf.has(imageId);
    assert.equal(now?.imageId, isThere ? idOf.get(imageId) : imageId);
    assert.equal(now?.manifest?.digest, isThere ? now?.imageId : undefined);
    if (isThere)
      assert.deepEqual(now?.manifest?.platform, { os: "linux", architecture: "amd64" }, "what it runs");
  }
  const uses = state.records(imageUseKind).load();
  for (const [id, use] of earlier.uses) assert.deepEqual(uses.get(idOf.get(id) ?? id), use);
  const owners = new Set(["1", "2", "3", "4"].map((digit) => digit.repeat(64)));
  assert.deepEqual(new Set(images.owners()), owners);
  assert.deepEqual(await images.check(owners), []);
  assert.equal(state.records(earlierImageKind).load().size, 0);
});

const pick = ({ config, layers, sizeBytes }: { config: unknown; layers: unknown; sizeBytes: unknown }) => ({
  ...{ config, layers, sizeBytes },
});

test("a layer that had been compressed for a push is in the manifest as it is", async () => {
  using store = unpackStore();
  await using opened = await open(store.root);
  const { target } = opened.images.getImage("pushed:1");
  const text = readFileSync(join(store.root, "blobs/sha256", target.digest.slice(7)), "utf8");
  const manifest = parseManifest(text);
  assert.ok("layers" in manifest);
  assert.deepEqual(
    manifest.layers.map(({ mediaType }) => mediaType),
    [mediaTypes.gzipLayer],
  );
});

test("an upgrade that is broken off leaves the records as they were, and the next one completes it", async () => {
  using store = unpackStore();
  const path = join(store.root, "state.db");
  const before = openState(path, logger);
  const count = before.records(earlierImageKind).load().size;
  assert.ok(count > 0);
  // As if killed: the manifests are written, the records are not.
  const broken: State = {
    ...before,
    transaction: (change) =>
      before.transaction(() => {
        change();
        throw new Error("killed");
      }),
  };
  await assert.rejects(upgradeImages(broken, openBlobs(store.root), logger), /killed/);
  assert.equal(before.records(earlierImageKind).load().size, count);
  assert.equal(before.records(imageKind).load().size, 0);
  before.close();
  const ids: string[][] = [];
  for (let round = 0; round < 2; round++) {
    await using opened = await open(store.root);
    ids.push(opened.images.list().map(({ id }) => id));
    assert.equal(opened.images.list().length, count);
  }
  assert.deepEqual(ids[0], ids[1]);
});

test("an image whose config is gone is dropped, and the others stay", async () => {
  using store = unpackStore();
  const state = openState(join(store.root, "state.db"), logger);
  const [lost = ""] = [...state.records(earlierImageKind).load()]
    .filter(([, { manifest }]) => !manifest)
    .map(([id]) => id);
  const count = state.records(earlierImageKind).load().size;
  state.close();
  rmSync(join(store.root, "blobs/sha256", lost.slice(7)));
  await using opened = await open(store.root);
  assert.equal(opened.images.list().length, count - 1);
  assert.ok(opened.images.list().every((image) => contentOf(image).configDigest !== lost));
});

test("what was upgraded is saved and loads again under the same id", async () => {
  using store = unpackStore();
  await using opened = await open(store.root);
  const saved = await readStream(await opened.images.save(["loaded:1"]));
  const { id } = opened.images.getImage("loaded:1");
  await opened.images.remove(id, { force: true, noPrune: false, users: new Map() });
  await load(opened.images, saved);
  assert.equal(opened.images.getImage("loaded:1").id, id);
  assert.ok(readdirSync(join(store.root, "blobs/sha256")).includes(id.slice(7)));
});
