import assert from "node:assert/strict";
import { existsSync, linkSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { type Digest, digestOf, hexOf } from "../../src/formats/digest.ts";
import type { ProgressMessage } from "../../src/formats/docker-api/docker-api.ts";
import { createContent, quickSettings, serveContent, startServer } from "../distribution/fixtures.ts";
import { eventually } from "../engine.ts";
import { load, makeDockerArchive, openStore } from "./fixtures.ts";
import { addImage, contentOf, layer, pull } from "./pull-fixtures.ts";

/** A registry that is asked for a blob and never sends all of it, until `letGo`. @param sent what comes at once, whatever is asked for */
async function startHolding(content: ReturnType<typeof createContent>, digest: Digest, sent?: Buffer) {
  const serve = serveContent(content);
  const held = Promise.withResolvers<void>();
  let asked = 0;
  const server = await startServer((input, output) => {
    if (!input.url?.endsWith(digest)) return serve(input, output);
    asked++;
    const first = Number(/\d+/.exec(input.headers.range ?? "0")?.[0]);
    if (sent && first > 0) output.writeHead(206, { "Content-Range": `bytes ${first}-${first + 999}/*` });
    if (sent) return void output.write(sent);
    void held.promise.then(() => serve(input, output));
  });
  return {
    host: server.host,
    isAsked: () => asked > 0,
    letGo: held.resolve,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

const settings = quickSettings({ patienceSeconds: 20 });
const [a, b] = [layer("a", 2), layer("b", 1)];
const packed = { a: gzipSync(a.tar, { level: 1 }), b: gzipSync(b.tar, { level: 1 }) };

for (const wrongBytes of [-1000, 1000])
  test(`a registry that lists another's blob with a size that is wrong by ${wrongBytes} does not get at it`, async () => {
    const [content, hostile] = [createContent(), createContent()];
    addImage(content, "1", [a, b]);
    const digest = digestOf(packed.a);
    addImage(hostile, "1", [{ ...a, stated: { size: packed.a.length + wrongBytes } }]);
    await using server = await startHolding(content, digestOf(packed.b));
    await using evil = await startHolding(hostile, digest, Buffer.alloc(500));
    await using store = await openStore(settings);
    const messages: ProgressMessage[] = [];
    const pulling = pull(store.images, `${server.host}/x:1`, {}, messages);
    await eventually(
      () =>
        messages.some(({ id, status }) => hexOf(digest).startsWith(id ?? "-") && status === "Pull complete"),
      Boolean,
    );
    const stop = new AbortController();
    const stopped = pull(store.images, `${evil.host}/x:1`, { signal: stop.signal }).catch(() => "stopped");
    await eventually(evil.isAsked, Boolean);
    const partial = join(store.root, "blobs/partial", hexOf(digest));
    await eventually(
      () => statSync(partial).size,
      (bytes) => bytes === 500 || bytes === packed.a.length + 500,
    );
    server.letGo();
    await pulling;
    assert.equal(digestOf(readFileSync(join(store.root, "blobs/sha256", hexOf(digest)))), digest);
    stop.abort();
    assert.equal(await stopped, "stopped");
    assert.deepEqual(await store.images.check(new Set()), []);
  });

test("what is left of an attempt with a verified blob is no way to it", async () => {
  const [content, failing, hostile] = [createContent(), createContent(), createContent()];
  addImage(content, "1", [a, b]);
  const digest = digestOf(packed.a);
  const other = layer("other");
  addImage(failing, "1", [a, other]);
  failing.blobs.delete(digestOf(gzipSync(other.tar, { level: 1 })));
  addImage(hostile, "1", [{ ...a, stated: { size: packed.a.length - 1000 } }]);
  await using server = await startHolding(content, digestOf(packed.b));
  await using second = await startServer(serveContent(failing));
  await using third = await startServer(serveContent(hostile));
  await using store = await openStore(settings);
  const pulling = pull(store.images, `${server.host}/x:1`);
  const folder = join(store.root, "blobs/partial");
  const verified = join(folder, `${hexOf(digest)}.verified`);
  await eventually(() => existsSync(verified), Boolean);
  const { ino } = statSync(verified);
  await assert.rejects(pull(store.images, `${second.host}/x:1`));
  // As a daemon leaves it that is killed meanwhile.
  rmSync(join(folder, hexOf(digest)), { force: true });
  linkSync(verified, join(folder, hexOf(digest)));
  await assert.rejects(pull(store.images, `${third.host}/x:1`));
  assert.equal(statSync(verified).ino, ino);
  assert.equal(digestOf(readFileSync(verified)), digest);
  server.letGo();
  await pulling;
  assert.equal(digestOf(readFileSync(join(store.root, "blobs/sha256", hexOf(digest)))), digest);
});

test("a verified blob is verified again by the next daemon, and no second name is left of one in the store", async () => {
  const content = createContent();
  addImage(content, "1", [a]);
  const digest = digestOf(packed.a);
  await using server = await startServer(serveContent(content));
  await using store = await openStore(settings);
  const partial = join(store.root, "blobs/partial", hexOf(digest));
  writeFileSync(`${partial}.verified`, Buffer.alloc(packed.a.length, 1));
  linkSync(`${partial}.verified`, partial);
  await store.reopen();
  assert.deepEqual(readdirSync(join(store.root, "blobs/partial")), [hexOf(digest)]);
  await pull(store.images, `${server.host}/x:1`);
  const blob = join(store.root, "blobs/sha256", hexOf(digest));
  assert.equal(digestOf(readFileSync(blob)), digest);
  linkSync(blob, partial);
  await store.reopen();
  assert.equal(existsSync(partial), false);
});

test("a layer that a slow registry is sending is pulled from another, and loaded, meanwhile", async () => {
  const [content, hostile] = [createContent(), createContent()];
  addImage(content, "1", [a, b]);
  addImage(hostile, "1", [{ ...a, compression: "zstd" }, b]);
  await using server = await startServer(serveContent(content));
  await using slow = await startHolding(hostile, digestOf(zstdCompressSync(a.tar)));
  await using store = await openStore(settings);
  const stop = new AbortController();
  const stopped = pull(store.images, `${slow.host}/x:1`, { signal: stop.signal });
  await eventually(slow.isAsked, Boolean);
  await load(store.images, makeDockerArchive([{ layers: [a], tags: ["loaded:1"] }]));
  await pull(store.images, `${server.host}/x:1`);
  assert.deepEqual(contentOf(store, `${server.host}/x:1`), ["a", "b"]);
  slow.letGo();
  await stopped;
  assert.deepEqual(contentOf(store, `${slow.host}/x:1`), ["a", "b"]);
  assert.deepEqual(await store.images.check(new Set()), []);
});

test("what is no tag is not taken from a registry's list", async () => {
  const content = createContent();
  const digest = addImage(content, "1", [layer("a")]);
  const serve = serveContent(content);
  await using server = await startServer((input, output) => {
    if (!input.url?.includes("/tags/list")) return serve(input, output);
    output.end(JSON.stringify({ name: "x", tags: [`a@${digest}`, "1", "../../1", ""] }));
  });
  await using store = await openStore(settings);
  await pull(store.images, `${server.host}/x`);
  const { id } = store.images.getImage(`${server.host}/x:1`);
  await store.images.remove(id, { force: false, noPrune: false, users: new Map() });
  assert.deepEqual(store.images.list(), []);
});
