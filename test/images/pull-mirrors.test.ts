import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import type { ServerResponse } from "node:http";
import { test } from "node:test";
import { type Digest, digestOf } from "../../src/formats/digest.ts";
import { mediaTypes } from "../../src/formats/oci-manifest.ts";
import {
  addBlob,
  addManifest,
  type Content,
  createContent,
  quickSettings,
  refuse,
  serveContent,
  startServer,
  type TestServer,
} from "../distribution/fixtures.ts";
import { configText, makeTar, openStore } from "./fixtures.ts";
import { addImage, contentOf, filesOf, layer, nothing, pull } from "./pull-fixtures.ts";

test("mirrors: one that is not there, one that has not all of it, and what is missing from the registry itself", async () => {
  const content = createContent();
  const [a, b] = [layer("a"), layer("b")];
  addImage(content, "1", [
    { ...a, compression: "none" },
    { ...b, compression: "none" },
  ]);
  const serve = serveContent(content);
  const seen: (string | undefined)[] = [];
  await using mirror = await startServer((input, output) => {
    seen.push(input.headers.authorization);
    if (input.url?.endsWith(digestOf(b.tar))) return refuse(output, 404, "BLOB_UNKNOWN");
    serve(input, output);
  });
  await using server = await startServer((input, output) => {
    if (input.headers.authorization) return serve(input, output);
    output.setHeader("WWW-Authenticate", "Basic realm=x");
    refuse(output, 401, "UNAUTHORIZED");
  });
  const mirrors = { [server.host]: ["http://127.0.0.1:1", mirror.origin] };
  await using store = await openStore(quickSettings({ mirrors }));
  await pull(store.images, `${server.host}/x:1`, { auth: { username: "u", password: "p" } });
  assert.deepEqual(contentOf(store, `${server.host}/x:1`), ["a", "b"]);
  assert.deepEqual(new Set(seen), new Set([undefined]));
  const own = server.requests.filter((one) => /\/v2\/./.test(one));
  assert.deepEqual(new Set(own), new Set([`GET /v2/x/blobs/${digestOf(b.tar)}`]));
});

/** An image of a layer of 300 kB and a small one. */
function makeImage() {
  const content = createContent();
  const tar = makeTar([{ name: "big", data: randomBytes(300_000) }]);
  const manifest = addImage(content, "1", [{ tar, compression: "none" }, layer("small")]);
  const config = JSON.parse(content.manifests.get(manifest)?.text ?? "").config.digest as Digest;
  return { content, tar, manifest, config, big: digestOf(tar) };
}

/** The registry itself and a mirror of it, which may then lie. */
async function startBoth(content: Content) {
  const own = await startServer(serveContent(content));
  const mirror = await startServer(serveContent(content));
  const settings = (more: TestServer[] = []) =>
    quickSettings({
      patienceSeconds: 0.5,
      mirrors: { [own.host]: [mirror, ...more].map(({ origin }) => origin) },
    });
  return {
    ...{ own, mirror, settings, name: `${own.host}/x:1` },
    async [Symbol.asyncDispose]() {
      await Promise.all([own, mirror].map((server) => server[Symbol.asyncDispose]()));
    },
  };
}

/** Answers otherwise where an address ends so. */
function lieAbout(server: TestServer, end: string, answer: (output: ServerResponse) => void): void {
  const { handle } = server;
  server.handle = (input, output) => (input.url?.endsWith(end) ? answer(output) : handle(input, output));
}

const wrongBlobs: Record<string, (tar: Buffer, output: ServerResponse) => void> = {
  "of another content": (tar, output) => void output.end(Buffer.alloc(tar.length, 1)),
  "with one bit turned": (tar, output) => {
    const wrong = Buffer.from(tar);
    wrong[1000] = (wrong[1000] ?? 0) ^ 1;
    output.end(wrong);
  },
  "cut short": (tar, output) => void output.end(tar.subarray(0, 1000)),
  "cut short, as if that were all": (tar, output) => {
    output.write(tar.subarray(0, 1000));
    output.end();
  },
  "whose connection breaks after wrong bytes": (tar, output) => {
    output.writeHead(200, { "Content-Length": tar.length });
    output.write(Buffer.alloc(100_000, 1), () => output.destroy());
  },
  "without end": (_, output) => {
    output.on("error", () => {});
    const more = () => {
      while (!output.destroyed && output.write(Buffer.alloc(70_001)));
    };
    output.on("drain", more);
    more();
  },
  "that never comes": () => {},
  "that is not there": (_, output) => refuse(output, 404, "BLOB_UNKNOWN"),
  "that nobody may have": (_, output) => refuse(output, 403, "DENIED"),
  "of which there is trouble": (_, output) => refuse(output, 500, "UNKNOWN"),
};

for (const [what, answer] of Object.entries(wrongBlobs)) {
  test(`a mirror's layer ${what} comes from the registry itself`, async () => {
    const { content, tar, big } = makeImage();
    await using both = await startBoth(content);
    lieAbout(both.mirror, big, (output) => answer(tar, output));
    await using store = await openStore(both.settings());
    await pull(store.images, both.name);
    assert.deepEqual(contentOf(store, both.name), ["big", "small"]);
    assert.deepEqual(filesOf(store), { ...nothing, blobs: 4, layers: 3 });
    assert.deepEqual(await store.images.check(new Set()), []);
    const own = both.own.requests.filter((one) => /\/v2\/./.test(one));
    assert.deepEqual(new Set(own), new Set([`GET /v2/x/blobs/${big}`]), "all else came from the mirror");
  });
}

test("two mirrors that each send a wrong part: nobody's word is mixed with another's, and the registry's counts", async () => {
  const { content, tar, big } = makeImage();
  await using both = await startBoth(content);
  await using other = await startServer(serveContent(content));
  lieAbout(both.mirror, big, (output) =>
    wrongBlobs["whose connection breaks after wrong bytes"]?.(tar, output),
  );
  lieAbout(other, big, (output) => void output.end(Buffer.alloc(tar.length, 2)));
  await using store = await openStore(both.settings([other]));
  await pull(store.images, both.name);
  assert.deepEqual(contentOf(store, both.name), ["big", "small"]);
  assert.ok(both.own.requests.includes(`GET /v2/x/blobs/${big}`));
});

test("where all of them send wrong bytes the error names who did, and nothing stays", async () => {
  const { content, tar, big } = makeImage();
  await using both = await startBoth(content);
  for (const server of [both.mirror, both.own])
    lieAbout(server, big, (output) => void output.end(Buffer.alloc(tar.length)));
  await using store = await openStore(both.settings());
  const host = both.own.host.replaceAll(".", "\\.");
  await assert.rejects(pull(store.images, both.name), {
    kind: "invalid",
    message: new RegExp(`^filesystem layer verification failed for digest ${big}: ${host} sent sha256:`),
  });
  assert.deepEqual(store.images.list(), []);
  assert.ok(!filesOf(store).partial.includes(big.slice(7)));
  assert.equal(filesOf(store).layers, 1);
});

for (const [what, answer] of Object.entries<(output: ServerResponse) => void>({
  "another content": (output) => void output.end("{}"),
  "nothing at all": (output) => refuse(output, 404, "BLOB_UNKNOWN"),
  "more than any config": (output) => void output.end(Buffer.alloc(5 << 20)),
})) {
  test(`a mirror that gives ${what} for a config, or for a manifest by digest`, async () => {
    const { content, config, manifest } = makeImage();
    await using both = await startBoth(content);
    lieAbout(both.mirror, config, answer);
    await using store = await openStore(both.settings());
    await pull(store.images, both.name);
    assert.deepEqual(contentOf(store, both.name), ["big", "small"]);
    lieAbout(both.mirror, manifest, answer);
    await pull(store.images, `${both.own.host}/x@${manifest}`);
    assert.ok(both.own.requests.includes(`GET /v2/x/manifests/${manifest}`));
  });
}

test("a mirror whose index leads to a manifest that it does not have", async () => {
  const { content, manifest } = makeImage();
  const size = Buffer.byteLength(content.manifests.get(manifest)?.text ?? "");
  addManifest(content, "1", mediaTypes.index, { manifests: [{ digest: manifest, size }] });
  await using both = await startBoth(content);
  lieAbout(both.mirror, manifest, (output) => refuse(output, 404, "MANIFEST_UNKNOWN"));
  await using store = await openStore(both.settings());
  await pull(store.images, both.name);
  assert.deepEqual(contentOf(store, both.name), ["big", "small"]);
});

test("a mirror's stale manifest, whose layers are nowhere any more, gives way to the registry's", async () => {
  const { content } = makeImage();
  const stale = createContent();
  addImage(stale, "1", [layer("old")]);
  await using both = await startBoth(content);
  both.mirror.handle = serveContent({ ...stale, blobs: new Map() });
  await using store = await openStore(both.settings());
  await pull(store.images, both.name);
  assert.deepEqual(contentOf(store, both.name), ["big", "small"]);
});

test("a mirror's manifest of a layer that does not unpack to what the config says gives way too", async () => {
  const { content } = makeImage();
  const made = createContent();
  const config = addBlob(made, configText([layer("a")]));
  const blob = addBlob(made, layer("b").tar);
  addManifest(made, "1", mediaTypes.manifest, {
    config: { mediaType: mediaTypes.config, ...config },
    layers: [{ mediaType: mediaTypes.layer, ...blob }],
  });
  await using both = await startBoth(content);
  both.mirror.handle = serveContent(made);
  await using store = await openStore(both.settings());
  await pull(store.images, both.name);
  assert.deepEqual(contentOf(store, both.name), ["big", "small"]);
  assert.deepEqual(await store.images.check(new Set()), []);
});
