import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf, hexOf, shortId } from "../../src/formats/digest.ts";
import { mediaTypes } from "../../src/formats/oci-manifest.ts";
import {
  addManifest,
  createContent,
  quickSettings,
  refuse,
  sendBytes,
  serveContent,
  startServer,
} from "../distribution/fixtures.ts";
import { load, makeTar, openStore, readStream } from "./fixtures.ts";
import { addImage, contentOf, filesOf, layer, linesOf, nothing, pull } from "./pull-fixtures.ts";

test("an image comes with Docker's lines, by tag and by digest, and a second time there is nothing to do", async () => {
  const content = createContent();
  const digest = addImage(content, "1", [layer("a", 1), layer("b")], { isDocker: true });
  await using server = await startServer(serveContent(content));
  await using store = await openStore(quickSettings());
  const name = `${server.host}/library/x:1`;
  const lines = linesOf(await pull(store.images, name));
  const { layers } = JSON.parse(content.manifests.get(digest)?.text ?? "");
  const [a, b] = layers.map((one: { digest: string }) => shortId(one.digest));
  assert.deepEqual(lines.slice(0, 3), [
    "1: Pulling from library/x",
    `${a}: Pulling fs layer`,
    `${b}: Pulling fs layer`,
  ]);
  assert.deepEqual(
    lines.filter((line) => line.startsWith(`${a}: `) && !line.endsWith("Waiting")),
    [`${a}: Pulling fs layer`, `${a}: Verifying Checksum`, `${a}: Download complete`, `${a}: Pull complete`],
  );
  assert.deepEqual(lines.slice(-2), [`Digest: ${digest}`, `Status: Downloaded newer image for ${name}`]);
  assert.deepEqual(store.images.references(store.images.getImage(name).id), {
    tags: [name],
    digests: [`${server.host}/library/x@${digest}`],
  });
  assert.deepEqual(contentOf(store, name), ["a", "b"]);
  assert.deepEqual(filesOf(store), { ...nothing, blobs: 4, layers: 3 });

  const asked = server.requests.length;
  assert.deepEqual(linesOf(await pull(store.images, name)), [
    "1: Pulling from library/x",
    `Digest: ${digest}`,
    `Status: Image is up to date for ${name}`,
  ]);
  assert.deepEqual(server.requests.slice(asked), ["GET /v2/library/x/manifests/1"]);
  const byDigest = `${server.host}/library/x@${digest}`;
  assert.deepEqual(linesOf(await pull(store.images, byDigest)), [
    `${digest}: Pulling from library/x`,
    `Digest: ${digest}`,
    `Status: Image is up to date for ${byDigest}`,
  ]);
  const event = store.events.find(({ Action }) => Action === "pull");
  assert.deepEqual([event?.Actor.ID, event?.Actor.Attributes.name], [name, `${server.host}/library/x`]);
  assert.deepEqual(await store.images.check(new Set()), []);
});

test("what was loaded under the name that is pulled is up to date", async () => {
  const content = createContent();
  addImage(content, "1", [layer("a")]);
  await using server = await startServer(serveContent(content));
  await using store = await openStore(quickSettings());
  const name = `${server.host}/library/x:1`;
  await pull(store.images, name);
  const saved = await readStream(await store.images.save([name]));
  await using second = await openStore(quickSettings());
  await load(second.images, saved);
  const { id, lastTagTime } = second.images.getImage(name);
  assert.match(lastTagTime, /^0001-/);
  assert.equal(linesOf(await pull(second.images, name)).at(-1), `Status: Image is up to date for ${name}`);
  assert.equal(second.images.references(id).digests.length, 1);
});

test("layers packed in any way, twice the same, empty, and elsewhere where they may be", async () => {
  const content = createContent();
  const twice = layer("same");
  const foreign = layer("foreign");
  const liar = layer("liar");
  await using elsewhere = await startServer((input, output) => {
    if (input.url === "/cut") {
      output.writeHead(200, { "Content-Length": foreign.tar.length });
      output.write("anything else", () => output.destroy());
      return;
    }
    sendBytes(input, output, content.blobs.get(`sha256:${input.url?.slice(1)}`) ?? Buffer.alloc(0));
  });
  const empty = { tar: makeTar([]), compression: "gzip" as const };
  addImage(content, "1", [
    layer("gzip"),
    { ...layer("zstd", 1), compression: "zstd" },
    { ...layer("plain"), compression: "none" },
    twice,
    twice,
    empty,
    {
      ...foreign,
      compression: "none",
      stated: {
        mediaType: "application/vnd.oci.image.layer.nondistributable.v1.tar",
        urls: ["cut", hexOf(digestOf(foreign.tar))].map((path) => `${elsewhere.origin}/${path}`),
      },
    },
    { ...liar, stated: { urls: [`${elsewhere.origin}/liar`] } },
  ]);
  await using server = await startServer((input, output) =>
    input.url?.endsWith(digestOf(foreign.tar))
      ? refuse(output, 404, "BLOB_UNKNOWN")
      : serveContent(content)(input, output),
  );
  await using store = await openStore(quickSettings());
  await pull(store.images, `${server.host}/x:1`);
  assert.deepEqual(contentOf(store, `${server.host}/x:1`), [
    "foreign",
    "gzip",
    "liar",
    "plain",
    "same",
    "same",
    "zstd",
  ]);
  assert.equal(
    server.requests.filter((one) => /blobs/.test(one)).length,
    9,
    "each blob once, and the foreign one as often as the place elsewhere that breaks off",
  );
  assert.equal(elsewhere.requests.filter((one) => one === "GET /cut").length, 2, "once for all of it again");
  assert.ok(!elsewhere.requests.includes("GET /liar"), "what a registry may have is asked for nowhere else");
  assert.deepEqual(await store.images.check(new Set()), []);
});

test("an index: this machine's image, another's when asked for, none where there is none", async () => {
  const content = createContent();
  const own = addImage(content, "", [layer("own")]);
  const other = addImage(content, "arm", [layer("other")], { config: { architecture: "arm64" } });
  const describe = (digest: typeof own, architecture: string) => ({
    mediaType: mediaTypes.manifest,
    digest,
    size: content.manifests.get(digest)?.text.length ?? 0,
    platform: { os: "linux", architecture },
  });
  const manifests = [
    describe(other, "arm64"),
    describe(own, process.arch === "x64" ? "amd64" : process.arch),
  ];
  const index = addManifest(content, "1", mediaTypes.index, { manifests });
  await using server = await startServer(serveContent(content));
  await using store = await openStore(quickSettings());
  const name = `${server.host}/x:1`;
  const lines = linesOf(await pull(store.images, name));
  assert.ok(lines.includes(`Digest: ${index}`));
  assert.deepEqual(contentOf(store, name), ["own"]);
  assert.deepEqual(contentOf(store, `${server.host}/x@${index}`), ["own"]);
  await pull(store.images, name, { platform: { os: "linux", architecture: "arm64" } });
  assert.deepEqual(contentOf(store, name), ["own"], "what runs here is as before");
  assert.equal(store.images.list().length, 1);
  await assert.rejects(pull(store.images, name, { platform: { os: "linux", architecture: "s390x" } }), {
    kind: "notFound",
    message: "no matching manifest for linux/s390x in the manifest list entries",
  });
  await assert.rejects(
    pull(store.images, `${server.host}/x:arm`, { platform: { os: "linux", architecture: "amd64" } }),
    /does not provide the specified platform: wanted linux\/amd64, actual: linux\/arm64/,
  );
});

test("all tags of a repository", async () => {
  const content = createContent();
  for (const tag of ["1", "2", "3"]) addImage(content, tag, [layer("base"), layer(tag)]);
  await using server = await startServer(serveContent(content));
  await using store = await openStore(quickSettings());
  const lines = linesOf(await pull(store.images, `${server.host}/x`));
  assert.equal(lines.filter((line) => /Already exists/.test(line)).length, 2);
  assert.equal(lines.at(-1), `Status: Downloaded newer image for ${server.host}/x`);
  for (const tag of ["1", "2", "3"])
    assert.deepEqual(contentOf(store, `${server.host}/x:${tag}`), [tag, "base"].sort());
});

test("what is no image here: schema 1, a chart, Windows, too many layers, none of that name", async () => {
  const content = createContent();
  addManifest(content, "old", "application/vnd.docker.distribution.manifest.v1+prettyjws", {
    schemaVersion: 1,
  });
  addImage(content, "windows", [layer("a")], { config: { os: "windows" } });
  addImage(
    content,
    "many",
    Array.from({ length: 128 }, () => layer("a")),
  );
  const config = { mediaType: "application/vnd.cncf.helm.config.v1+json", digest: digestOf("x"), size: 1 };
  addManifest(content, "chart", mediaTypes.manifest, { config, layers: [] });
  await using server = await startServer(serveContent(content));
  await using store = await openStore(quickSettings());
  const attempt = (tag: string) => pull(store.images, `${server.host}/x:${tag}`);
  await assert.rejects(attempt("old"), /schema 1 are not supported/);
  await assert.rejects(
    attempt("windows"),
    /image operating system "windows" cannot be used on this platform/,
  );
  await assert.rejects(attempt("many"), { message: "max depth exceeded" });
  await assert.rejects(attempt("chart"), /unsupported media type "application\/vnd.cncf.helm/);
  await assert.rejects(attempt("none"), {
    kind: "notFound",
    message: `manifest for ${server.host}/x:none not found: manifest unknown: manifest unknown`,
  });
  server.handle = (_, output) => refuse(output, 403, "DENIED", "requested access to the resource is denied");
  await assert.rejects(attempt("none"), {
    kind: "notFound",
    message: `pull access denied for ${server.host}/x, repository does not exist or may require 'docker login': denied: requested access to the resource is denied`,
  });
  assert.deepEqual(filesOf(store), nothing);
});
