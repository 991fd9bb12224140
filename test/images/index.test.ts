import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { Readable } from "node:stream";
import { test } from "node:test";
import { digestOf } from "../../src/formats/digest.ts";
import type { ProgressMessage } from "../../src/formats/docker-api/docker-api.ts";
import { mediaTypes, type Platform } from "../../src/formats/oci-manifest.ts";
import { parseReference } from "../../src/formats/reference.ts";
import type { ImageRecord, Images } from "../../src/images/images.ts";
import { chooseManifest, getPresentManifest, presentManifests } from "../../src/images/select-manifest.ts";
import {
  createContent,
  quickSettings,
  serveContent,
  startDockerRegistry,
  startServer,
} from "../distribution/fixtures.ts";
import { load, openStore, readStream } from "./fixtures.ts";
import {
  addBuilt,
  addFor,
  addIndex,
  describe,
  host,
  layoutOf,
  other,
  otherPlatform,
} from "./index-fixtures.ts";
import { contentOf, filesOf, layer, linesOf, nothing, pull } from "./pull-fixtures.ts";

const settings = quickSettings({ patienceSeconds: 20 });
const noUsers = { force: true, noPrune: false, users: new Map() };

const here = ({ manifests }: ImageRecord) => manifests.map(({ content, parts }) => Boolean(content ?? parts));

async function push(images: Images, name: string, platform?: Platform): Promise<ProgressMessage[]> {
  const messages: ProgressMessage[] = [];
  const signal = new AbortController().signal;
  await images.push(parseReference(name), {
    ...{ auth: {}, signal, report: (one: ProgressMessage) => messages.push(one) },
    ...(platform && { platform }),
  });
  return messages;
}

test("an image is the index that its name leads to: one platform comes, others when they are asked for, into the same", async () => {
  const content = createContent();
  const { index, listed } = addBuilt(content, "1");
  await using server = await startServer(serveContent(content));
  await using store = await openStore(settings);
  const name = `${server.host}/x:1`;
  assert.equal(linesOf(await pull(store.images, name)).at(-2), `Digest: ${index}`);
  const image = store.images.getImage(name);
  assert.equal(image.id, index);
  assert.deepEqual(image.target, describe(content, index));
  assert.deepEqual(
    image.manifests.map(({ descriptor, kind }) => [descriptor, kind]),
    listed.map((one, at) => [one, at < 2 ? "image" : "attestation"]),
  );
  assert.deepEqual(here(image), [false, true, false, false]);
  assert.deepEqual(
    server.requests.filter((one) => /manifests/.test(one)),
    ["1", listed[1].digest].map((reference) => `GET /v2/x/manifests/${reference}`),
  );
  assert.deepEqual(store.images.references(index), { tags: [name], digests: [`${server.host}/x@${index}`] });
  assert.deepEqual(contentOf(store, name), ["own", "top"]);

  const asked = server.requests.length;
  assert.match(linesOf(await pull(store.images, name)).join(), /Image is up to date/);
  assert.deepEqual(server.requests.slice(asked), ["GET /v2/x/manifests/1"]);

  await pull(store.images, name, { platform: otherPlatform });
  const both = store.images.getImage(index);
  assert.deepEqual(here(both), [true, true, false, false]);
  assert.deepEqual(contentOf(store, name), ["own", "top"], "what it stands for here is as before");
  assert.deepEqual(
    store.images
      .lowerDirectories(both, chooseManifest(presentManifests(both), otherPlatform))
      .map((one) => readdirSync(one)),
    [["other"]],
  );
  assert.match(linesOf(await pull(store.images, name, { platform: otherPlatform })).join(), /is up to date/);
  const s390x = { os: "linux", architecture: "s390x" };
  await assert.rejects(pull(store.images, name, { platform: s390x }), {
    kind: "notFound",
    message: "no matching manifest for linux/s390x in the manifest list entries",
  });
  await store.reopen();
  assert.deepEqual(here(store.images.getImage(index)), [true, true, false, false]);
  assert.deepEqual(await store.images.check(new Set()), []);
  assert.equal(store.images.list().length, 1);

  const byDigest = `${server.host}/x@${listed[1].digest}`;
  await pull(store.images, byDigest);
  const alone = store.images.getImage(byDigest);
  assert.equal(alone.id, listed[1].digest);
  assert.deepEqual(alone.target, describe(content, listed[1].digest));
  await store.images.remove(index, noUsers);
  assert.deepEqual(contentOf(store, byDigest), ["own", "top"]);
  await store.images.remove(alone.id, noUsers);
  assert.deepEqual(filesOf(store), nothing);
});

test("the other platform alone is what the image stands for, until this machine's comes", async () => {
  const content = createContent();
  const { index } = addBuilt(content, "1");
  await using server = await startServer(serveContent(content));
  await using store = await openStore(settings);
  const name = `${server.host}/x:1`;
  await pull(store.images, name, { platform: otherPlatform });
  assert.deepEqual(contentOf(store, name), ["other"]);
  await Promise.all([pull(store.images, name), pull(store.images, name)]);
  assert.deepEqual(contentOf(store, name), ["own", "top"]);
  assert.equal(store.images.getImage(name).id, index);
  assert.deepEqual(await store.images.check(new Set()), []);
});

test("indexes within an index are read to the last manifest and kept", async () => {
  const content = createContent();
  const own = addFor(content, host, [layer("own")]);
  const inner = describe(content, addIndex(content, "", [own, addFor(content, "s390x", [layer("z")])]));
  const middle = describe(content, addIndex(content, "", [addFor(content, other, [layer("a")]), inner]));
  const index = addIndex(content, "1", [middle, middle]);
  await using server = await startServer(serveContent(content));
  await using store = await openStore(settings);
  const name = `${server.host}/x:1`;
  await pull(store.images, name);
  const image = store.images.getImage(name);
  assert.equal(image.id, index);
  assert.deepEqual(
    image.indexes.map(({ digest }) => digest),
    [middle.digest, inner.digest],
  );
  assert.deepEqual(here(image), [false, true, false]);
  assert.deepEqual(await store.images.check(new Set()), []);

  const saved = await readStream(await store.images.save([name]));
  await using second = await openStore();
  await load(second.images, saved);
  assert.deepEqual(second.images.getImage(name).manifests, image.manifests);
  assert.deepEqual(second.images.getImage(name).indexes, image.indexes);
  assert.deepEqual(await second.images.check(new Set()), []);
});

test("a layout with all platforms and attestations loads whole, is saved as it came, and is pushed whole", async () => {
  const content = createContent();
  const { index, listed } = addBuilt(content, "1");
  await using registry = await startDockerRegistry();
  await using store = await openStore(settings);
  const name = `${registry.host}/built:1`;
  assert.deepEqual(await load(store.images, layoutOf(content, "1", name)), [`Loaded image: ${name}`]);
  const image = store.images.getImage(name);
  assert.equal(image.id, index);
  assert.deepEqual(here(image), [true, true, true, true]);
  assert.deepEqual(await store.images.check(new Set()), []);

  const saved = await readStream(await store.images.save([name]));
  await using second = await openStore();
  await load(second.images, saved);
  assert.deepEqual(second.images.getImage(name).manifests, image.manifests);
  assert.deepEqual(await readStream(await second.images.save([name])), saved);

  const lines = linesOf(await push(store.images, name));
  assert.ok(lines.includes(`1: digest: ${index} size: ${image.target.size}`));
  for (const reference of ["built:1", ...listed.map(({ digest }) => `built@${digest}`)]) {
    const words = ["inspect", "--raw", "--tls-verify=false", `docker://${registry.host}/${reference}`];
    const raw = execFileSync("skopeo", words);
    assert.equal(digestOf(raw), reference === "built:1" ? index : reference.split("@")[1]);
  }
  await store.images.remove(name, noUsers);
  assert.deepEqual(filesOf(store), nothing);
  await pull(store.images, name);
  assert.equal(store.images.getImage(name).id, index);
});

test("of an image that is not here whole the part that is here is saved, and pushed with Docker's note", async () => {
  const content = createContent();
  const { index, listed } = addBuilt(content, "1");
  await using server = await startServer(serveContent(content));
  await using registry = await startDockerRegistry();
  await using store = await openStore(settings);
  await pull(store.images, `${server.host}/x:1`);
  const image = store.images.getImage(index);
  const saved = await readStream(await store.images.save([`${server.host}/x:1`]));
  await using second = await openStore();
  await load(second.images, saved);
  assert.deepEqual(second.images.getImage(index).manifests, image.manifests);

  const name = `${registry.host}/part:1`;
  store.images.tag(index, `${registry.host}/part`, "1");
  const messages = await push(store.images, name);
  const { mediaType, digest, size } = listed[1];
  const note = messages.find(({ aux }) => aux && "manifestPushedInsteadOfIndex" in aux);
  assert.deepEqual(note?.aux, {
    manifestPushedInsteadOfIndex: true,
    originalIndex: image.target,
    selectedManifest: { mediaType, digest, size, platform: { os: "linux", architecture: host } },
  });
  assert.ok(linesOf(messages).includes(`1: digest: ${digest} size: ${size}`));
  assert.equal(mediaType, mediaTypes.manifest);
  assert.ok(store.images.references(index).digests.includes(`${registry.host}/part@${digest}`));
  // What the name leads to there is no index any more.
  await pull(store.images, name);
  assert.equal(store.images.getImage(name).id, digest);
  assert.equal(store.images.getImage(`${server.host}/x:1`).id, index);
  assert.deepEqual(await store.images.check(new Set()), []);
});

test("one platform of several is asked for by history, save, load and push", async () => {
  const content = createContent();
  const { index, listed } = addBuilt(content, "1");
  await using registry = await startDockerRegistry();
  await using store = await openStore(settings);
  const { images } = store;
  const name = `${registry.host}/built:1`;
  await load(images, layoutOf(content, "1", name));
  const image = images.getImage(name);
  const steps = (platform: Platform) =>
    images.history(image, getPresentManifest(image, platform, name)).length;
  assert.deepEqual(
    [steps(otherPlatform), steps({ os: "linux", architecture: host }), images.history(image).length],
    [1, 2, 2],
  );
  const s390x = { os: "linux", architecture: "s390x" };
  const refusal = {
    kind: "notFound",
    message: `image with reference ${name} was found but does not provide the specified platform (linux/s390x)`,
  } as const;
  assert.throws(() => steps(s390x), refusal);
  const words = `no suitable export target found: ${refusal.message}`;
  await assert.rejects(images.save([name], [s390x]), { ...refusal, message: words });

  const saved = await readStream(await images.save([name], [otherPlatform]));
  await using second = await openStore();
  await load(second.images, saved);
  assert.deepEqual(here(second.images.getImage(index)), [true, false, true, false], "with its attestation");

  await using third = await openStore();
  const layout = layoutOf(content, "1", name);
  const loadOnly = (platforms: Platform[]) => third.images.load(Readable.from([layout]), () => {}, platforms);
  await assert.rejects(loadOnly([otherPlatform, s390x]), {
    kind: "notFound",
    message: "requested platform (linux/s390x) not found: image might be filtered out",
  });
  assert.deepEqual(filesOf(third), nothing);
  await loadOnly([otherPlatform]);
  assert.deepEqual(here(third.images.getImage(index)).slice(0, 2), [true, false]);
  await loadOnly([]);
  assert.deepEqual(here(third.images.getImage(index)), [true, true, true, true]);
  assert.deepEqual(await third.images.check(new Set()), []);

  const messages = await push(images, name, otherPlatform);
  assert.ok(linesOf(messages).some((line) => line.includes(listed[0].digest)));
  assert.ok(messages.some(({ aux }) => aux && "manifestPushedInsteadOfIndex" in aux));
  await assert.rejects(push(images, name, s390x), refusal);
});
