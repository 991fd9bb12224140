import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { digestOf, hexOf } from "../../src/formats/digest.ts";
import { parseReference } from "../../src/formats/reference.ts";
import type { ImageRecord } from "../../src/images/images.ts";
import { contentOf } from "../../src/images/select-manifest.ts";
import {
  createContent,
  quickSettings,
  serveContent,
  startDockerRegistry,
  startServer,
} from "../distribution/fixtures.ts";
import { makeTar, openStore, readStream } from "./fixtures.ts";
import { addImage, layer, linesOf, pull } from "./pull-fixtures.ts";

const settings = { ...quickSettings({ patienceSeconds: 20 }), keepsCompressed: false };
const noUsers = { force: true, noPrune: false, users: new Map() };

test("where compressed layers are not to be kept a pull leaves their frames alone, asks for none twice, and all else works", async () => {
  const [base, top, other] = [layer("base", 2), layer("top"), layer("other")];
  const content = createContent();
  addImage(content, "1", [base, { ...top, compression: "zstd" }]);
  addImage(content, "2", [base, { ...other, compression: "none" }]);
  await using server = await startServer(serveContent(content));
  await using registry = await startDockerRegistry();
  await using store = await openStore(settings);
  const { images, root } = store;
  const name = (tag: string) => `${server.host}/x:${tag}`;
  await pull(images, name("1"));
  const frames = [base, top].map(({ tar }) => hexOf(digestOf(tar))).sort();
  assert.deepEqual(readdirSync(join(root, "blobs/frames")).sort(), frames);
  const documents = ({ id }: ImageRecord) =>
    [id, contentOf(images.getImage(id)).configDigest].map(hexOf).sort();
  assert.deepEqual(readdirSync(join(root, "blobs/sha256")).sort(), documents(images.getImage(name("1"))));
  for (const folder of ["partial", "tmp"]) assert.deepEqual(readdirSync(join(root, "blobs", folder)), []);
  assert.equal(images.references(images.getImage(name("1")).id).digests.length, 1, "its digest is known");

  const lines = linesOf(await pull(images, name("2")));
  assert.equal(lines.filter((line) => /Already exists/.test(line)).length, 1);
  assert.match(linesOf(await pull(images, name("2"))).join(), /Image is up to date/);
  assert.deepEqual(await images.check(new Set()), []);

  const saved = await readStream(await images.save([name("2")]));
  assert.ok(saved.length > base.tar.length);
  images.tag(name("1"), `${registry.host}/y`, "1");
  const push = { auth: {}, signal: new AbortController().signal, report: () => {} };
  await images.push(parseReference(`${registry.host}/y:1`), push);
  const { digests } = images.references(images.getImage(name("1")).id);
  const pushed = digests.find((one) => one.startsWith(registry.host))?.split("@")[1];
  for (const tag of ["1", "2"]) await images.remove(name(tag), noUsers);
  await images.remove(`${registry.host}/y:1`, noUsers);
  for (const folder of ["frames", "sha256"]) assert.deepEqual(readdirSync(join(root, "blobs", folder)), []);
  await pull(images, `${registry.host}/y:1`);
  assert.equal(images.getImage(`${registry.host}/y:1`).id, pushed);
  assert.deepEqual(await images.check(new Set()), []);
});

test("a layer that brings a file twice keeps its compressed blob, and what kept its blobs before is asked for nothing", async () => {
  const twice = { tar: makeTar(["first", "second"].map((data) => ({ name: "f", data }))) };
  const base = layer("base");
  const content = createContent();
  addImage(content, "1", [twice]);
  addImage(content, "2", [base]);
  addImage(content, "3", [base, layer("top")]);
  await using server = await startServer(serveContent(content));
  await using store = await openStore(settings);
  const { images, root } = store;
  await pull(images, `${server.host}/x:1`);
  assert.deepEqual(readdirSync(join(root, "blobs/frames")), []);
  assert.equal(contentOf(images.getImage(`${server.host}/x:1`)).origin, "received", "all is as it came");
  images.registries.settings.keepsCompressed = true;
  await pull(images, `${server.host}/x:2`);
  images.registries.settings.keepsCompressed = false;
  const lines = linesOf(await pull(images, `${server.host}/x:3`));
  assert.equal(lines.filter((line) => /Already exists/.test(line)).length, 1);
  images.registries.settings.keepsCompressed = true;
  assert.deepEqual(await images.check(new Set()), []);
  await store.reopen();
  assert.deepEqual(await store.images.check(new Set()), []);
});
