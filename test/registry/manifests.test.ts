import assert from "node:assert/strict";
import { it } from "node:test";
import { mediaTypes } from "../../src/formats/oci-manifest.ts";
import {
  codeOf,
  makeBlob,
  makeManifest,
  pushBlob,
  pushImage,
  putManifest,
  type TestBlob,
} from "./fixtures.ts";
import { describeRegistries } from "./storages.ts";

describeRegistries((registry) => {
  const { call } = registry;
  it("a manifest is served by tag and digest, byte by byte, with its type", async () => {
    const { manifest } = await pushImage(registry.url, "app", "v1");
    for (const reference of ["v1", manifest.digest]) {
      const answer = await call("GET", `/v2/app/manifests/${reference}`);
      assert.equal(answer.status, 200);
      assert.equal(answer.headers.get("content-type"), mediaTypes.manifest);
      assert.equal(answer.headers.get("docker-content-digest"), manifest.digest);
      assert.deepEqual(Buffer.from(await answer.arrayBuffer()), manifest.content);
      const head = await call("HEAD", `/v2/app/manifests/${reference}`);
      assert.equal(head.status, 200);
      assert.equal(head.headers.get("content-length"), String(manifest.content.length));
      assert.equal(head.headers.get("docker-content-digest"), manifest.digest);
    }
    for (const reference of ["none", makeBlob().digest]) {
      const answer = await call("GET", `/v2/app/manifests/${reference}`);
      assert.equal(answer.status, 404);
      assert.equal(await codeOf(answer), "MANIFEST_UNKNOWN");
      assert.equal((await call("HEAD", `/v2/other/manifests/${reference}`)).status, 404);
    }
  });

  it("a tag moves to what was pushed last; the earlier one stays by its digest", async () => {
    const first = await pushImage(registry.url, "moving", "latest");
    const second = await pushImage(registry.url, "moving", "latest");
    const now = await call("HEAD", "/v2/moving/manifests/latest");
    assert.equal(now.headers.get("docker-content-digest"), second.manifest.digest);
    assert.equal((await call("HEAD", `/v2/moving/manifests/${first.manifest.digest}`)).status, 200);
  });

  it("deleting a tag leaves the manifest; deleting the manifest takes all its tags", async () => {
    const { manifest } = await pushImage(registry.url, "deleted", "one");
    await putManifest(registry.url, "deleted", "two", manifest);
    await pushImage(registry.url, "deleted", "other");
    assert.equal((await call("DELETE", "/v2/deleted/manifests/one")).status, 202);
    assert.equal((await call("HEAD", "/v2/deleted/manifests/one")).status, 404);
    assert.equal((await call("DELETE", "/v2/deleted/manifests/one")).status, 404);
    assert.equal((await call("HEAD", "/v2/deleted/manifests/two")).status, 200);
    assert.equal((await call("DELETE", `/v2/deleted/manifests/${manifest.digest}`)).status, 202);
    for (const reference of ["two", manifest.digest]) {
      assert.equal((await call("HEAD", `/v2/deleted/manifests/${reference}`)).status, 404);
    }
    const tags = await (await call("GET", "/v2/deleted/tags/list")).json();
    assert.deepEqual(tags, { name: "deleted", tags: ["other"] });
  });

  it("a manifest whose parts are not there is refused", async () => {
    const [config, layer] = [makeBlob(), makeBlob()];
    const manifest = makeManifest([config, layer]);
    await pushBlob(registry.url, "parts", config);
    await pushBlob(registry.url, "elsewhere", layer);
    const answer = await putManifest(registry.url, "parts", "v1", manifest);
    assert.equal(answer.status, 400);
    assert.equal(await codeOf(answer), "MANIFEST_BLOB_UNKNOWN");
    assert.equal((await call("HEAD", "/v2/parts/manifests/v1")).status, 404);
    const two = await putManifest(registry.url, "parts", "v1", makeManifest([config, layer, makeBlob()]));
    const { errors } = (await two.json()) as { errors: { detail: { digest: string } }[] };
    assert.equal(errors.length, 2, "each of them is told of");
    assert.ok(errors.some(({ detail }) => detail.digest === layer.digest));
    const foreign = makeManifest([config], {
      layers: [{ mediaType: "x/foreign", digest: layer.digest, size: 1, urls: ["http://127.0.0.1:1/"] }],
    });
    assert.equal((await putManifest(registry.url, "parts", "foreign", foreign)).status, 201);
  });

  it("an index needs its manifests", async () => {
    const { manifest } = await pushImage(registry.url, "many", "amd64");
    const entry = { mediaType: mediaTypes.manifest, digest: manifest.digest, size: manifest.content.length };
    const index = (manifests: object[]) =>
      makeBlob(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests }));
    assert.equal((await putManifest(registry.url, "many", "all", index([entry]))).status, 201);
    const answer = await call("GET", "/v2/many/manifests/all");
    assert.equal(answer.headers.get("content-type"), mediaTypes.index);
    const missing = index([{ ...entry, digest: makeBlob().digest }]);
    assert.equal((await putManifest(registry.url, "many", "none", missing)).status, 400);
  });

  it("what is no manifest is refused with the reason", async () => {
    const { manifest } = await pushImage(registry.url, "wrong", "v1");
    const put = (body: string | Buffer, type = mediaTypes.manifest as string, reference = "v2") =>
      call("PUT", `/v2/wrong/manifests/${reference}`, {
        headers: { "Content-Type": type },
        body: typeof body === "string" ? body : new Uint8Array(body),
      });
    const config = { mediaType: "x/y", digest: makeBlob().digest, size: 1 };
    for (const text of [
      "",
      "no JSON",
      "[]",
      "{}",
      '{"schemaVersion":1,"fsLayers":[]}',
      '{"schemaVersion":2,"layers":[]}',
      JSON.stringify({ schemaVersion: 2, config, layers: [{ digest: "sha256:short" }] }),
      `${"[".repeat(100_000)}`,
    ]) {
      const answer = await put(text);
      assert.equal(answer.status, 400);
      assert.equal(await codeOf(answer), "MANIFEST_INVALID");
    }
    const type = await put(manifest.content, mediaTypes.index);
    assert.equal(await codeOf(type), "MANIFEST_INVALID");
    const digest = await put(manifest.content, mediaTypes.manifest, makeBlob().digest);
    assert.equal(await codeOf(digest), "DIGEST_INVALID");
    for (const tag of [".hidden", "a".repeat(129), "a%2fb"]) {
      assert.equal((await put(manifest.content, mediaTypes.manifest, tag)).status, 400);
    }
    const large = await put(Buffer.alloc(5 << 20, " "));
    assert.equal(large.status, 413);
  });

  it("a manifest of thousands of layers is taken and served; a big one that is none is refused", async () => {
    const [config, layer] = [makeBlob(), makeBlob()];
    for (const blob of [config, layer]) await pushBlob(registry.url, "large", blob);
    const annotations = Object.fromEntries(Array.from({ length: 5000 }, (_, at) => [`title ${at}`, "x"]));
    const manifest = makeManifest([config, ...Array<TestBlob>(10_000).fill(layer)], { annotations });
    assert.equal((await putManifest(registry.url, "large", "v1", manifest)).status, 201);
    const got = await call("GET", "/v2/large/manifests/v1");
    assert.equal(got.headers.get("content-type"), mediaTypes.manifest);
    assert.deepEqual(Buffer.from(await got.arrayBuffer()), manifest.content);
    const missing = makeManifest([config, ...Array<TestBlob>(10_000).fill(layer), makeBlob()]);
    assert.equal(
      await codeOf(await putManifest(registry.url, "large", "v2", missing)),
      "MANIFEST_BLOB_UNKNOWN",
    );
    const headers = { "Content-Type": mediaTypes.manifest };
    for (const body of [
      "[".repeat(4 << 20),
      `{"schemaVersion":2,"layers":[${'{"a":1},'.repeat(100_000)}{}],"config":{}}`,
      `{"schemaVersion":1,"a":[${"[],".repeat(100_000)}{}]}`,
    ]) {
      const answer = await call("PUT", "/v2/large/manifests/v3", { headers, body });
      assert.equal(answer.status, 400);
      assert.equal(await codeOf(answer), "MANIFEST_INVALID");
    }
    // A list of referrers has the annotations of all of them.
    const subject = {
      mediaType: mediaTypes.manifest,
      digest: manifest.digest,
      size: manifest.content.length,
    };
    const noisy = makeManifest([config], { subject, annotations: { a: "x".repeat(100_000) } });
    assert.equal(await codeOf(await putManifest(registry.url, "large", "noisy", noisy)), "MANIFEST_INVALID");
  });
});
