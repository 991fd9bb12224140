import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { digestOf, hexOf } from "../../src/formats/digest.ts";
import { type Descriptor, mediaTypes } from "../../src/formats/oci-manifest.ts";
import {
  addManifest,
  type Content,
  createContent,
  quickSettings,
  serveContent,
  startServer,
} from "../distribution/fixtures.ts";
import { load, openStore } from "./fixtures.ts";
import { addFor, addIndex, describe, host, layoutOf } from "./index-fixtures.ts";
import { contentOf, filesOf, layer, nothing, pull } from "./pull-fixtures.ts";

const settings = quickSettings({ patienceSeconds: 2 });
const invented = (name: string, more: Partial<Descriptor> = {}): Descriptor => ({
  ...{ mediaType: mediaTypes.manifest, digest: digestOf(name), size: 100 },
  ...more,
});

const many = (count: number) =>
  Array.from({ length: count }, (_, at) => {
    const platform = { os: "linux", architecture: "s390x", variant: `v${at}` };
    return invented(`${at}`, { platform });
  });

const attacks: Record<string, [make: (content: Content, own: Descriptor) => Descriptor[], message: RegExp]> =
  {
    "more manifests than anybody needs": [
      (content, own) => [
        own,
        ...[many(500), many(600).slice(500), many(1200).slice(600)].map((part) =>
          describe(content, addIndex(content, "", part)),
        ),
      ],
      /more than 1000 manifests/,
    ],
    "more indexes than anybody needs": [
      (content, own) => [own, ...many(20).map((one) => describe(content, addIndex(content, "", [one])))],
      /more than 16 indexes/,
    ],
    "indexes nested deep": [
      (content, own) => {
        let inner = own;
        for (let depth = 0; depth < 6; depth++) inner = describe(content, addIndex(content, "", [inner]));
        return [inner];
      },
      /nested too deep/,
    ],
    "a manifest of another size": [
      (_, own) => [{ ...own, size: own.size + 1 }],
      /has \d+ bytes instead of \d+/,
    ],
    "an index of another size": [
      (content, own) => [own, { ...describe(content, addIndex(content, "", [own])), size: 3 }],
      /has \d+ bytes instead of 3/,
    ],
    "an index that is called a manifest": [
      (content, own) => [
        {
          ...describe(content, addIndex(content, "", [own])),
          mediaType: mediaTypes.manifest,
          platform: { os: "linux", architecture: host },
        },
      ],
      /it is an index/,
    ],
    "a manifest that is called an index": [
      (_, own) => [{ ...own, mediaType: mediaTypes.index }],
      /it is a manifest/,
    ],
  };

for (const [name, [make, message]] of Object.entries(attacks)) {
  test(`${name} in an index is refused, pulled or loaded, and leaves nothing`, async () => {
    const content = createContent();
    addIndex(content, "1", make(content, addFor(content, host, [layer("own")])));
    await using server = await startServer(serveContent(content));
    await using store = await openStore(settings);
    const attempt = { kind: "invalid", message } as const;
    await assert.rejects(pull(store.images, `${server.host}/x:1`), attempt);
    await assert.rejects(load(store.images, layoutOf(content, "1")), attempt);
    assert.deepEqual(store.images.list(), []);
    assert.deepEqual(filesOf(store), nothing);
  });
}

test("what an index says of platforms, types and itself is believed as far as it makes sense, and kept within bounds", async () => {
  const content = createContent();
  const own = addFor(content, host, [layer("own")]);
  const odd = [
    { os: "linux", architecture: `${host}\n\u001b[31m` },
    { os: "linux", architecture: "x".repeat(300) },
    { os: "unknown", architecture: host },
    { os: "", architecture: host },
  ].map((platform, at) => invented(`odd ${at}`, { platform }));
  const chart = invented("chart", { mediaType: "application/vnd.example.chart+json" });
  const talkative = {
    ...own,
    annotations: { "vnd.example": "y".repeat(100_000), "vnd.docker.reference.digest": own.digest },
  };
  addIndex(content, "1", [...odd, chart, talkative, own, own]);
  await using server = await startServer(serveContent(content));
  await using store = await openStore(settings);
  const name = `${server.host}/x:1`;
  await pull(store.images, name);
  assert.deepEqual(contentOf(store, name), ["own"]);
  const { manifests } = store.images.getImage(name);
  assert.deepEqual(
    manifests.map(({ kind }) => kind),
    ["unknown", "unknown", "unknown", "unknown", "unknown", "image"],
  );
  assert.ok(manifests.slice(0, 2).every(({ descriptor }) => descriptor.platform === undefined));
  assert.deepEqual(manifests.at(-1)?.descriptor.annotations, { "vnd.docker.reference.digest": own.digest });
  assert.ok(JSON.stringify(manifests).length < 5000);
  assert.deepEqual(await store.images.check(new Set()), []);
});

test("an index of nothing that runs here is no image", async () => {
  const content = createContent();
  addIndex(content, "empty", []);
  addIndex(content, "strange", [invented("a", { annotations: { "vnd.docker.reference.type": "other" } })]);
  addManifest(content, "null", mediaTypes.index, { manifests: [null] });
  await using server = await startServer(serveContent(content));
  await using store = await openStore(settings);
  for (const tag of ["empty", "strange"]) {
    await assert.rejects(pull(store.images, `${server.host}/x:${tag}`), {
      kind: "notFound",
      message: /^no matching/,
    });
    await assert.rejects(load(store.images, layoutOf(content, tag)), /no image for this platform/);
  }
  await assert.rejects(pull(store.images, `${server.host}/x:null`), { kind: "invalid" });
  assert.deepEqual(filesOf(store), nothing);
});

test("an image for Windows beside one for this system is only listed", async () => {
  const content = createContent();
  const own = addFor(content, host, [layer("own")]);
  const config = JSON.stringify({
    ...{ os: "windows", architecture: host, rootfs: { type: "layers", diff_ids: [] } },
  });
  content.blobs.set(digestOf(config), Buffer.from(config));
  const described = { mediaType: mediaTypes.config, digest: digestOf(config), size: config.length };
  const windows = addManifest(content, "", mediaTypes.manifest, { config: described, layers: [] });
  addIndex(content, "1", [describe(content, windows, { os: "windows", architecture: host }), own]);
  await using store = await openStore();
  await load(store.images, layoutOf(content, "1"));
  const [image] = store.images.list();
  assert.deepEqual(
    image?.manifests.map((one) => one.content !== undefined),
    [false, true],
  );
  assert.ok(!readdirSync(join(store.root, "blobs/sha256")).includes(hexOf(windows)));
  assert.deepEqual(await store.images.check(new Set()), []);
});
