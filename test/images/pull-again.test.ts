import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { digestOf, hexOf } from "../../src/formats/digest.ts";
import type { ProgressMessage } from "../../src/formats/docker-api/docker-api.ts";
import {
  createContent,
  quickSettings,
  refuse,
  sendBytes,
  serveContent,
  startServer,
} from "../distribution/fixtures.ts";
import { eventually } from "../engine.ts";
import { makeTar, openStore } from "./fixtures.ts";
import { addImage, contentOf, filesOf, layer, nothing, pull } from "./pull-fixtures.ts";

test("a pull that has joined another's layers brings them itself where the other's registry fails", async () => {
  const content = createContent();
  addImage(content, "1", [layer("a", 2)]);
  const serve = serveContent(content);
  const [digest = ""] = [...content.blobs].filter(([, bytes]) => bytes[0] === 0x1f).map(([one]) => one);
  const fail: (() => void)[] = [];
  await using bad = await startServer((input, output) => {
    if (!input.url?.endsWith(digest)) return serve(input, output);
    fail.push(() => refuse(output, 404, "BLOB_UNKNOWN"));
  });
  await using good = await startServer(serve);
  await using store = await openStore(quickSettings({ patienceSeconds: 20 }));
  const lines: ProgressMessage[] = [];
  const first = pull(store.images, `${bad.host}/x:1`);
  await eventually(() => fail.length, Boolean);
  const second = pull(store.images, `${good.host}/x:1`, {}, lines);
  // From here on it waits for the other's.
  await eventually(() => lines.some(({ status }) => status === "Pulling fs layer"), Boolean);
  for (const one of fail) one();
  await assert.rejects(first);
  await second;
  assert.deepEqual(contentOf(store, `${good.host}/x:1`), ["a"]);
});

test("two pulls of one image share its blobs; one that leaves does not stop the other, the last one does", async () => {
  const content = createContent();
  addImage(content, "1", [layer("a", 2), layer("b", 2)]);
  const serve = serveContent(content);
  const layerBlobs = [...content.blobs].filter(([, bytes]) => bytes[0] === 0x1f).map(([digest]) => digest);
  let letGo = () => {};
  const held = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  await using server = await startServer((input, output) => {
    if (!layerBlobs.some((digest) => input.url?.endsWith(digest))) return serve(input, output);
    void held.then(() => serve(input, output));
  });
  await using store = await openStore(quickSettings({ patienceSeconds: 20 }));
  const name = `${server.host}/x:1`;
  const [first, second, third] = [new AbortController(), new AbortController(), new AbortController()];
  const reports: ProgressMessage[][] = [[], [], []];
  const pulls = [first, second, third].map(({ signal }, at) =>
    pull(store.images, name, { signal }, reports[at]),
  );
  const [left, right, last] = pulls.map((one) =>
    one.then(
      () => "done",
      (error: Error) => error.name,
    ),
  );
  const hasBegun = (lines: ProgressMessage[]) => lines.some(({ status }) => status === "Pulling fs layer");
  await eventually(
    () => reports.every(hasBegun) && server.requests.some((one) => one.endsWith(layerBlobs[0] ?? "")),
    Boolean,
  );
  first.abort();
  assert.equal(await left, "AbortError");
  letGo();
  assert.equal(await right, "done");
  assert.equal(await last, "done");
  const blobs = server.requests.filter((one) => /blobs/.test(one));
  for (const digest of layerBlobs)
    assert.equal(blobs.filter((one) => one.endsWith(digest)).length, 1, digest);
  assert.deepEqual(filesOf(store), { ...nothing, blobs: 4, layers: 3 });
  assert.deepEqual(await store.images.check(new Set()), []);
});

test("a cancelled pull leaves no layer, and the next one asks only for what is missing", async () => {
  const content = createContent();
  const { tar } = { tar: makeTar([{ name: "big", data: Buffer.alloc(4 << 20, "x") }]) };
  addImage(content, "1", [{ tar, compression: "none" }, layer("small")]);
  const big = digestOf(tar);
  const ranges: (string | undefined)[] = [];
  let isHeld = true;
  await using server = await startServer((input, output) => {
    if (!input.url?.endsWith(big)) return serveContent(content)(input, output);
    ranges.push(input.headers.range);
    if (!isHeld) return sendBytes(input, output, tar);
    output.writeHead(200, { "Content-Length": tar.length });
    output.write(tar.subarray(0, 3 << 20));
  });
  await using store = await openStore(quickSettings({ patienceSeconds: 20 }));
  const name = `${server.host}/x:1`;
  const controller = new AbortController();
  const pulling = pull(store.images, name, { signal: controller.signal }).catch((error: Error) => error.name);
  const path = join(store.root, "blobs/partial", hexOf(big));
  await eventually(
    () => statSync(path, { throwIfNoEntry: false })?.size,
    (size) => size === 3 << 20,
  );
  controller.abort();
  assert.equal(await pulling, "AbortError");
  assert.equal(filesOf(store).layers, 1);
  assert.equal(filesOf(store).blobs, 0);
  await store.reopen();
  isHeld = false;
  await pull(store.images, name);
  assert.deepEqual(ranges, [undefined, `bytes=${3 << 20}-`]);
  assert.deepEqual(contentOf(store, name), ["big", "small"]);
  const small = server.requests.filter((one) => /blobs/.test(one) && !one.endsWith(big));
  assert.equal(new Set(small).size, small.length - 1, "only the config was asked for twice");
  assert.deepEqual(filesOf(store), { ...nothing, blobs: 4, layers: 3 });
});

test("what lies in wait in a partial file is found out, and the blob asked for anew", async () => {
  const content = createContent();
  const one = { ...layer("a", 1), compression: "none" as const };
  addImage(content, "1", [one]);
  await using server = await startServer(serveContent(content));
  await using store = await openStore(quickSettings());
  const name = `${server.host}/x:1`;
  const path = join(store.root, "blobs/partial", hexOf(digestOf(one.tar)));
  for (const bytes of [one.tar.length, 1000, one.tar.length + 1]) {
    writeFileSync(path, Buffer.alloc(bytes, 1));
    await pull(store.images, name);
    const [folder = ""] = store.images.lowerDirectories(store.images.getImage(name));
    assert.deepEqual(readFileSync(join(folder, "a")), Buffer.alloc(1 << 20, "a"));
    assert.deepEqual(filesOf(store), { ...nothing, blobs: 3, layers: 2 });
    await store.images.remove(name, { force: true, noPrune: false, users: new Map() });
  }
});

test("a token that runs out in the middle of a layer is renewed, and the layer goes on unpacking", async () => {
  const content = createContent();
  const one = { tar: makeTar([{ name: "a", data: randomBytes(2 << 20) }]), compression: "none" as const };
  addImage(content, "1", [one]);
  const serve = serveContent(content);
  let token = 0;
  let cuts = 3;
  await using server = await startServer((input, output) => {
    if (input.url?.startsWith("/token")) return void output.end(JSON.stringify({ token: `t${++token}` }));
    if (input.headers.authorization !== `Bearer t${token}`) {
      output.setHeader("WWW-Authenticate", `Bearer realm="${server.origin}/token"`);
      return refuse(output, 401, "UNAUTHORIZED");
    }
    if (!input.url?.endsWith(digestOf(one.tar)) || cuts-- <= 0) return serve(input, output);
    const first = Number(/\d+/.exec(input.headers.range ?? "0")?.[0]);
    if (first > 0)
      output.writeHead(206, { "Content-Range": `bytes ${first}-${one.tar.length - 1}/${one.tar.length}` });
    output.write(one.tar.subarray(first, first + 300_000), () => output.destroy());
    // At the first cut the token has run out as well.
    if (cuts === 2) token++;
  });
  await using store = await openStore(quickSettings());
  await pull(store.images, `${server.host}/x:1`);
  assert.equal(token, 3);
  assert.deepEqual(contentOf(store, `${server.host}/x:1`), ["a"]);
});

test("no more downloads at a time than the settings say", async () => {
  const content = createContent();
  addImage(
    content,
    "1",
    Array.from({ length: 6 }, (_, at) => layer(`f${at}`)),
  );
  const serve = serveContent(content);
  let now = 0;
  let most = 0;
  await using server = await startServer((input, output) => {
    if (!/blobs/.test(input.url ?? "")) return serve(input, output);
    most = Math.max(most, ++now);
    setTimeout(() => {
      now--;
      serve(input, output);
    }, 30);
  });
  for (const downloads of [1, 3]) {
    await using store = await openStore(quickSettings({ downloads }));
    most = 0;
    await pull(store.images, `${server.host}/x:1`);
    assert.equal(most, downloads);
  }
});
