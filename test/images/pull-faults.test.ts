import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import {
  createContent,
  quickSettings,
  sendBytes,
  serveContent,
  startServer,
} from "../distribution/fixtures.ts";
import { eventually } from "../engine.ts";
import { makeTar, openStore } from "./fixtures.ts";
import { addImage, pull } from "./pull-fixtures.ts";

const settings = quickSettings({ patienceSeconds: 20 });

const layer = (name: string, bytes: number) => ({
  tar: makeTar([{ name, data: randomBytes(bytes) }]),
  compression: "none" as const,
});

test("a daemon that is killed in mid-pull leaves a whole store, and the next pull goes on from there", async () => {
  const content = createContent();
  addImage(content, "1", [layer("a", 8_000_000), layer("b", 8_000_000), layer("c", 1_000_000)]);
  const serve = serveContent(content);
  let sentBytes = 0;
  let isSlow = true;
  await using server = await startServer((input, output) => {
    const blob = [...content.blobs].find(([digest]) => input.url?.endsWith(digest))?.[1];
    if (!blob || !isSlow || blob.length < 2_000_000) return serve(input, output);
    const first = Number(/\d+/.exec(input.headers.range ?? "0")?.[0]);
    sendBytes(input, { setHeader() {}, end() {} } as never, Buffer.alloc(0));
    output.writeHead(first > 0 ? 206 : 200, {
      "Content-Length": blob.length - first,
      ...(first > 0 && { "Content-Range": `bytes ${first}-${blob.length - 1}/${blob.length}` }),
    });
    // A part, and then nothing more for as long as the client lives.
    const part = blob.subarray(first, first + 2_500_000);
    sentBytes += part.length;
    output.write(part);
  });
  await using store = await openStore(settings);
  const name = `${server.host}/x:1`;
  const module = (path: string) => JSON.stringify(import.meta.resolve(`../../src/${path}`));
  const script = `
    const { createImages } = await import(${module("images/images.ts")});
    const { createEvents } = await import(${module("events/events.ts")});
    const { createLogger } = await import(${module("logger.ts")});
    const { openState } = await import(${module("state/state.ts")});
    const { parseReference } = await import(${module("formats/reference.ts")});
    const logger = createLogger("silent");
    const root = process.argv[2];
    const images = await createImages({
      root, state: openState(root + "/state.db", logger), events: createEvents(), logger,
      registries: ${JSON.stringify(settings)},
    });
    const options = { auth: {}, signal: new AbortController().signal, report: () => {} };
    await images.pull(parseReference(process.argv[3]), options);`;
  const program = join(store.root, "program.mjs");
  writeFileSync(program, script);
  const partials = () => readdirSync(join(store.root, "blobs/partial"));
  const there = () =>
    partials().reduce((sum, file) => sum + statSync(join(store.root, "blobs/partial", file)).size, 0);
  let before = there();
  for (let round = 0; round < 3; round++) {
    const child = spawn(process.execPath, [program, store.root, name], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    const ended = once(child, "exit");
    await eventually(there, (bytes) => bytes >= before + 2_400_000, 300);
    child.kill("SIGKILL");
    await ended;
    assert.ok(there() > before, "it went on from where it was");
    before = there();
    await store.reopen();
    assert.deepEqual(store.images.list(), []);
    assert.deepEqual(readdirSync(join(store.root, "layers")), ["0"]);
    assert.deepEqual(await store.images.check(new Set()), []);
  }
  isSlow = false;
  const asked = server.requests.length;
  await pull(store.images, name);
  assert.ok(server.requests.length > asked);
  assert.deepEqual(partials(), []);
  assert.deepEqual(await store.images.check(new Set()), []);
  const total = 17_000_000;
  assert.ok(sentBytes < total, "little was sent twice");
});

test("a full disk is one clear error, leaves no part behind, and with room it goes", async () => {
  await using store = await openStore(settings, 12);
  const { images, root } = store;
  const content = createContent();
  addImage(content, "blob", [layer("a", 14 << 20)]);
  addImage(content, "layer", [layer("a", 8 << 20)]);
  addImage(content, "small", [layer("a", 2 << 20), layer("b", 1 << 20)]);
  await using server = await startServer(serveContent(content));
  for (const tag of ["blob", "layer"]) {
    await assert.rejects(pull(images, `${server.host}/x:${tag}`), {
      kind: "internal",
      message: /no space left on device$/,
    });
    for (const folder of ["blobs/sha256", "blobs/partial", "blobs/tmp"]) {
      assert.deepEqual(readdirSync(join(root, folder)), [], `${tag}: ${folder}`);
    }
    assert.deepEqual(readdirSync(join(root, "layers")), ["0"]);
  }
  await pull(images, `${server.host}/x:small`);
  assert.deepEqual(await images.check(new Set()), []);
});

test("pulling and removing the same image at once never breaks it", async () => {
  const content = createContent();
  addImage(content, "1", [layer("a", 200_000), layer("b", 100_000)]);
  await using server = await startServer(serveContent(content));
  await using store = await openStore(settings);
  const name = `${server.host}/x:1`;
  for (let round = 0; round < 10; round++) {
    const removal = store.images.findImage(name)
      ? store.images.remove(name, { force: true, noPrune: false, users: new Map() })
      : undefined;
    await Promise.all([pull(store.images, name), pull(store.images, name), removal]);
    assert.deepEqual(await store.images.check(new Set()), []);
  }
});
