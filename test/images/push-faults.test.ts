import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parseReference } from "../../src/formats/reference.ts";
import type { Images } from "../../src/images/images.ts";
import { quickSettings, startDockerRegistry, startServer } from "../distribution/fixtures.ts";
import { eventually } from "../engine.ts";
import { load, makeDockerArchive, makeTar, openStore } from "./fixtures.ts";

const settings = quickSettings({ patienceSeconds: 20 });
const layer = (bytes: number) => ({ tar: makeTar([{ name: "a", data: randomBytes(bytes) }]) });

function push(images: Images, name: string, signal = new AbortController().signal) {
  return images.push(parseReference(name), { auth: {}, signal, report: () => {} });
}

test("a disk too full to compress on is one clear error, and the image stays as it was", async () => {
  await using store = await openStore(settings, 24);
  const { images, root } = store;
  await using registry = await startDockerRegistry();
  const [big, small] = [`${registry.host}/big:1`, `${registry.host}/small:1`];
  await load(images, makeDockerArchive([{ layers: [layer(10 << 20)], tags: [big] }]));
  const blobs = readdirSync(join(root, "blobs/sha256"));
  const { bavail, bsize } = statfsSync(root);
  const filler = join(root, "filler");
  writeFileSync(filler, Buffer.alloc(bavail * bsize - (4 << 20)));
  await assert.rejects(push(images, big), {
    kind: "internal",
    message: "failed to compress: no space left on device",
  });
  assert.deepEqual(readdirSync(join(root, "blobs/tmp")), []);
  assert.deepEqual(readdirSync(join(root, "blobs/sha256")), blobs);
  assert.deepEqual(await images.check(new Set()), []);
  rmSync(filler);
  await load(images, makeDockerArchive([{ layers: [layer(100_000)], tags: [small] }]));
  await push(images, small);
  assert.deepEqual(await images.check(new Set()), []);
});

test("a client that goes away ends its push at once, and the image can be pushed and removed after that", async () => {
  let isClosed = false;
  await using server = await startServer((input, output) => {
    if (input.method === "HEAD") return void output.writeHead(404).end();
    if (input.method === "POST")
      return void output.writeHead(202, { Location: "/v2/x/blobs/uploads/1" }).end();
    if (input.method === "GET") return void output.end("{}");
    // Takes all of it and never answers.
    input.once("close", () => {
      isClosed = true;
    });
    input.resume();
  });
  await using store = await openStore(settings);
  const name = `${server.host}/x:1`;
  await load(store.images, makeDockerArchive([{ layers: [layer(8 << 20)], tags: [name] }]));
  const controller = new AbortController();
  const pushing = push(store.images, name, controller.signal).catch((error: Error) => error.name);
  await eventually(() => server.requests.some((one) => one.startsWith("PATCH")), Boolean);
  controller.abort();
  assert.equal(await pushing, "AbortError");
  await eventually(() => isClosed, Boolean);
  assert.deepEqual(await store.images.check(new Set()), []);
  await using registry = await startDockerRegistry();
  store.images.tag(name, `${registry.host}/x`, "1");
  await push(store.images, `${registry.host}/x:1`);
  await store.images.remove(store.images.getImage(name).id, {
    force: true,
    noPrune: false,
    users: new Map(),
  });
  assert.deepEqual(readdirSync(join(store.root, "blobs/sha256")), []);
});

test("an image that is removed while it is pushed gets there whole, and then it is gone", async () => {
  await using registry = await startDockerRegistry();
  await using store = await openStore(settings);
  const name = `${registry.host}/x:1`;
  await load(store.images, makeDockerArchive([{ layers: [layer(3 << 20), layer(1 << 20)], tags: [name] }]));
  const { id } = store.images.getImage(name);
  const pushing = push(store.images, name);
  await store.images.remove(id, { force: true, noPrune: false, users: new Map() });
  await pushing;
  assert.equal(store.images.findImage(id), undefined);
  assert.deepEqual(readdirSync(join(store.root, "blobs/sha256")), []);
  const seen = execFileSync("skopeo", [
    "inspect",
    "--config",
    "--raw",
    "--tls-verify=false",
    `docker://${name}`,
  ]);
  assert.ok(seen.length > 0);
  assert.deepEqual(await store.images.check(new Set()), []);
});
