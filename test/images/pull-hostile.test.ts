import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import type { Repository } from "../../src/distribution/repository.ts";
import { type Digest, digestOf } from "../../src/formats/digest.ts";
import { mediaTypes } from "../../src/formats/oci-manifest.ts";
import { tellWritten } from "../../src/sys/growing-file.ts";
import {
  addBlob,
  addManifest,
  type Content,
  createContent,
  quickSettings,
  refuse,
  serveContent,
  startServer,
} from "../distribution/fixtures.ts";
import { configText, makeTar, openStore, type Store } from "./fixtures.ts";
import { addImage, pull } from "./pull-fixtures.ts";

const settings = quickSettings({ patienceSeconds: 0.5 });

/** After a failure there is no image, no layer, no blob; of a blob that was right so far the partial file may stay. */
async function checkNothingLeft({ root, images }: Store, partials = 0): Promise<void> {
  assert.deepEqual(images.list(), []);
  assert.deepEqual(readdirSync(join(root, "blobs/sha256")), []);
  assert.deepEqual(readdirSync(join(root, "layers")), ["0"]);
  assert.equal(readdirSync(join(root, "blobs/partial")).length, partials);
  assert.deepEqual(await images.check(new Set()), []);
}

const tar = makeTar([{ name: "a", data: randomBytes(300_000) }]);

/** An image of one layer, whose blob's digest is returned. */
function addLying(content: Content, blob: Buffer, stated: { size?: number; diff?: Buffer } = {}): Digest {
  const config = addBlob(content, configText([{ tar: stated.diff ?? tar }]));
  const layer = addBlob(content, blob);
  addManifest(content, "1", mediaTypes.manifest, {
    config: { mediaType: mediaTypes.config, ...config },
    layers: [{ mediaType: mediaTypes.gzipLayer, ...layer, size: stated.size ?? layer.size }],
  });
  return layer.digest;
}

for (const [name, pack] of [
  ["gzip", gzipSync],
  ["zstd", zstdCompressSync],
  ["plain", (bytes: Buffer) => bytes],
] as const) {
  test(`${name}: other content than the digest says is refused, however well it unpacks`, async () => {
    const content = createContent();
    const digest = addLying(content, pack(tar));
    const other = Buffer.from(tar);
    other[1000] = (other[1000] ?? 0) ^ 1;
    const damaged = Buffer.from(pack(tar));
    damaged.fill(0, 100, 200);
    await using server = await startServer(serveContent(content));
    await using store = await openStore(settings);
    for (const bytes of [
      damaged,
      Buffer.alloc(damaged.length),
      Buffer.concat([pack(other), Buffer.alloc(9)]).subarray(0, damaged.length),
    ]) {
      content.blobs.set(digest, bytes);
      if (bytes.length !== pack(tar).length) continue;
      await assert.rejects(pull(store.images, `${server.host}/x:1`), {
        kind: "invalid",
        message: /^filesystem layer verification failed for digest sha256:/,
      });
      await checkNothingLeft(store);
    }
    content.blobs.set(digest, Buffer.from(pack(tar)));
    await pull(store.images, `${server.host}/x:1`);
  });
}

test("a blob of the right digest that unpacks to something else than the config says", async () => {
  const content = createContent();
  addLying(content, gzipSync(makeTar([{ name: "b", data: "b" }])));
  await using server = await startServer(serveContent(content));
  await using store = await openStore(settings);
  await assert.rejects(pull(store.images, `${server.host}/x:1`), /wrong diff id calculated on extraction/);
  await checkNothingLeft(store, 1);
});

test("a size that is not the blob's: told by the header, found out without one, and a body without end", async () => {
  const blob = gzipSync(tar);
  for (const size of [blob.length - 1000, blob.length + 1000]) {
    const content = createContent();
    const digest = addLying(content, blob, { size });
    await using server = await startServer(serveContent(content));
    await using store = await openStore(settings);
    const attempt = () => pull(store.images, `${server.host}/x:1`);
    await assert.rejects(attempt(), { kind: "invalid", message: /blob size mismatch/ });
    const serve = serveContent(content);
    server.handle = (input, output) => {
      if (!input.url?.endsWith(digest)) return serve(input, output);
      output.write(blob);
      output.end();
    };
    await assert.rejects(
      attempt(),
      size < blob.length ? /sends more than the \d+ bytes/ : /unexpected EOF|its manifest says|another range/,
    );
    server.handle = (input, output) => {
      if (!input.url?.endsWith(digest)) return serve(input, output);
      output.on("error", () => {});
      const more = () => {
        while (!output.destroyed && output.write(Buffer.alloc(65_536)));
      };
      output.on("drain", more);
      more();
    };
    await assert.rejects(attempt(), /sends more than the \d+ bytes/);
    assert.deepEqual(store.images.list(), []);
    assert.deepEqual(await store.images.check(new Set()), []);
  }
});

test("a bomb is put out before it fills the disk", async () => {
  const bomb = makeTar([{ name: "zeros", data: Buffer.alloc(64 << 20) }]);
  await using store = await openStore({ ...settings, bombBytes: 8 << 20 });
  for (const pack of [gzipSync, zstdCompressSync]) {
    const content = createContent();
    addLying(content, pack(bomb), { diff: bomb });
    await using server = await startServer(serveContent(content));
    await assert.rejects(pull(store.images, `${server.host}/x:1`), /uncompressed size exceeds the limit/);
    assert.deepEqual(store.images.list(), []);
    assert.deepEqual(readdirSync(join(store.root, "layers")), ["0"]);
  }
});

test("a bomb among the layers of a build cache is put out as well", async () => {
  const bomb = makeTar([{ name: "zeros", data: Buffer.alloc(64 << 20) }]);
  await using store = await openStore({ ...settings, bombBytes: 8 << 20 });
  for (const [pack, mediaType] of [
    [gzipSync, mediaTypes.gzipLayer],
    [zstdCompressSync, mediaTypes.zstdLayer],
  ] as const) {
    const bytes = pack(bomb);
    const blob = { mediaType, digest: digestOf(bytes), size: bytes.length };
    const download: Repository["download"] = async (_, { path, growth }) => {
      writeFileSync(path, bytes);
      tellWritten(growth, bytes.length);
    };
    const place = { name: "a liar", open: async () => ({ download }) };
    const layer = { below: [], diffId: digestOf(bomb), blob };
    await assert.rejects(
      store.images.layerBlobs.receive("build-x", layer, [place], new AbortController().signal),
      /uncompressed size exceeds the limit/,
    );
    assert.deepEqual(readdirSync(join(store.root, "layers")), ["0"]);
    assert.deepEqual(store.images.snapshots.names(), []);
  }
  await checkNothingLeft(store);
});

test("manifests that lie: other content than asked for, a config that is another's, sizes and digests that are none", async () => {
  const content = createContent();
  const digest = addImage(content, "1", [{ tar }]);
  const serve = serveContent(content);
  const { text, mediaType } = content.manifests.get(digest) ?? { text: "", mediaType: "" };
  await using server = await startServer((input, output) => {
    if (!/manifests/.test(input.url ?? "")) return serve(input, output);
    output.setHeader("Content-Type", mediaType);
    output.end(`${text} `);
  });
  await using store = await openStore(settings);
  const attempt = (name = ":1") => pull(store.images, `${server.host}/x${name}`);
  await assert.rejects(attempt(`@${digest}`), /manifest verification failed for digest/);
  const config = JSON.parse(text).config.digest as Digest;
  server.handle = (input, output) =>
    input.url?.endsWith(config)
      ? void output.end(configText([{ tar: Buffer.alloc(1024) }]))
      : serve(input, output);
  await assert.rejects(attempt(), /wrong digest: the registry sent sha256:/);
  for (const [change, message] of [
    [
      { layers: [{ digest: "sha256:../../../../etc/passwd", size: 1 }] },
      /a descriptor without a sha256 digest/,
    ],
    [{ layers: [{ digest: digestOf("x"), size: -1 }] }, /has no size/],
    [{ layers: [{ digest: digestOf("x"), size: 1e300 }] }, /has no size/],
    [{ layers: [] }, /layers length mismatch: expected 1, got 0/],
    [{ layers: "none", manifests: undefined }, /neither layers nor manifests/],
    [
      { layers: undefined, manifests: [{ digest, size: 1, platform: { os: "plan9" } }] },
      /no matching manifest/,
    ],
  ] as const) {
    server.handle = (input, output) => {
      if (!/manifests/.test(input.url ?? "")) return serve(input, output);
      output.end(JSON.stringify({ ...JSON.parse(text), ...change }));
    };
    await assert.rejects(attempt(), message);
  }
  server.handle = (input, output) => {
    if (!/manifests/.test(input.url ?? "")) return serve(input, output);
    output.end(`${'{"layers":['.repeat(100_000)}`);
  };
  await assert.rejects(attempt(), /invalid manifest/);
  await checkNothingLeft(store);
});

test("an index that contains itself, or another, without end", async () => {
  await using server = await startServer((input, output) => {
    const depth = Number(/depth=(\d+)/.exec(input.url ?? "")?.[1] ?? 0) + 1;
    output.setHeader("Content-Type", mediaTypes.index);
    const inner = JSON.stringify({ depth, schemaVersion: 2, manifests: [] });
    const digest = digestOf(inner);
    output.end(JSON.stringify({ schemaVersion: 2, manifests: [{ digest, size: 1 }] }));
  });
  await using store = await openStore(settings);
  await assert.rejects(pull(store.images, `${server.host}/x:1`), /verification failed|nested too deep/);
});

test("blobs that never come: byte by byte, in a circle of redirects, behind a door that stays shut", async () => {
  const content = createContent();
  const digest = addImage(content, "1", [{ tar }]);
  const layer = JSON.parse(content.manifests.get(digest)?.text ?? "").layers[0].digest as Digest;
  const serve = serveContent(content);
  const answerLayer = (answer: typeof serve) => {
    server.handle = (input, output) =>
      input.url?.endsWith(layer) ? answer(input, output) : serve(input, output);
  };
  await using server = await startServer(serve);
  await using store = await openStore(settings);
  const attempt = () => pull(store.images, `${server.host}/x:1`);
  answerLayer((_, output) => {
    const timer = setInterval(() => output.write("x"), 50);
    output.once("close", () => clearInterval(timer));
  });
  await assert.rejects(attempt(), /timeout while reading body/);
  answerLayer((input, output) => void output.writeHead(307, { Location: input.url ?? "" }).end());
  await assert.rejects(attempt(), /stopped after 10 redirects/);
  answerLayer((_, output) => refuse(output, 401, "UNAUTHORIZED", "no"));
  await assert.rejects(attempt(), { message: "unauthorized: no" });
  answerLayer((_, output) => refuse(output, 404, "BLOB_UNKNOWN"));
  await assert.rejects(attempt(), /blob unknown/);
  answerLayer((_, output) => void output.writeHead(206, { "Content-Range": "bytes 5-9/10" }).end("12345"));
  await assert.rejects(attempt(), /blob size mismatch|another range/);
  assert.deepEqual(store.images.list(), []);
});
