import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, it } from "node:test";
import { mediaTypes } from "../../src/formats/oci-manifest.ts";
import { openUpstream, type Upstream, type UpstreamConfig } from "../../src/registry/upstream.ts";
import { eventually } from "../engine.ts";
import {
  codeOf,
  makeBlob,
  makeLayout,
  makeManifest,
  pushBlob,
  pushImage,
  putManifest,
  skopeo,
  startRegistry,
  type TestRegistry,
} from "./fixtures.ts";
import { Source } from "./source.ts";
import { describeStorages, type TestStorage } from "./storages.ts";

describeStorages((make) => {
  let storage: TestStorage;
  let mirror: TestRegistry;
  let upstream: Upstream | undefined;
  let origin: TestRegistry;
  beforeEach(async () => {
    storage = await make();
    origin = await startRegistry();
  });
  afterEach(async () => {
    await mirror.close();
    await upstream?.close();
    await origin.close();
    await storage.close();
  });

  async function startMirror(config: UpstreamConfig): Promise<void> {
    upstream = openUpstream(config);
    mirror = await startRegistry({ storage: storage.storage, upstream });
  }

  const get = (path: string, init: RequestInit = {}) => fetch(`${mirror.url}/v2/${path}`, init);
  const digestOfTag = async (path: string) =>
    (await get(`${path}`, { method: "HEAD" })).headers.get("docker-content-digest");

  it("skopeo pulls what only the upstream has, and again when that is down", async () => {
    const folder = mkdtempSync(join(tmpdir(), "layout-"));
    try {
      makeLayout(join(folder, "image"), [3_000_000, 10]);
      await skopeo(
        "copy",
        "--dest-tls-verify=false",
        `oci:${folder}/image:made`,
        `docker://${origin.host}/a/b:v1`,
      );
      await startMirror({ url: origin.url });
      const pull = () =>
        skopeo("copy", "--src-tls-verify=false", `docker://${mirror.host}/a/b:v1`, `oci:${folder}/back`);
      await pull();
      await origin.close();
      rmSync(join(folder, "back"), { recursive: true });
      await pull();
      assert.deepEqual(await (await get("a/b/tags/list")).json(), { name: "a/b", tags: ["v1"] });
      const other = await get("a/b/manifests/v2");
      assert.equal(other.status, 503);
      assert.equal(await codeOf(other), "UNAVAILABLE");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("follows the upstream's tags, and leaves pushes to it", async () => {
    const first = await pushImage(origin.url, "app", "v1");
    await startMirror({ url: origin.url });
    assert.equal(await digestOfTag("app/manifests/v1"), first.manifest.digest);
    const second = await pushImage(origin.url, "app", "v1");
    await pushImage(origin.url, "app", "v2");
    assert.equal(await digestOfTag("app/manifests/v1"), second.manifest.digest);
    assert.equal(await digestOfTag(`app/manifests/${first.manifest.digest}`), first.manifest.digest);
    assert.deepEqual(await (await get("app/tags/list")).json(), { name: "app", tags: ["v1", "v2"] });
    await fetch(`${origin.url}/v2/app/manifests/v1`, { method: "DELETE" });
    const gone = await get("app/manifests/v1");
    assert.equal(gone.status, 404);
    assert.equal(await codeOf(gone), "MANIFEST_UNKNOWN");
    for (const push of [
      putManifest(mirror.url, "app", "v3", first.manifest),
      get("app/blobs/uploads/", { method: "POST" }),
    ]) {
      const answer = await push;
      assert.equal(answer.status, 405);
      assert.equal(await codeOf(answer), "UNSUPPORTED");
    }
    const unknown = await get(`app/blobs/${makeBlob().digest}`);
    assert.equal(unknown.status, 404);
    assert.equal(await codeOf(unknown), "BLOB_UNKNOWN");
  });

  it("serves ranges of what it does not have yet", async () => {
    const blob = makeBlob("0123456789");
    await pushBlob(origin.url, "app", blob);
    await startMirror({ url: origin.url });
    const head = await get(`app/blobs/${blob.digest}`, { method: "HEAD" });
    assert.equal(head.headers.get("content-length"), "10");
    for (const range of ["bytes=2-4", "bytes=7-9"]) {
      const answer = await get(`app/blobs/${blob.digest}`, { headers: { Range: range } });
      assert.equal(answer.status, 206);
      assert.equal(await answer.text(), range === "bytes=2-4" ? "234" : "789");
    }
  });

  it("clients that ask for the same share one fetch, which goes on without them", async () => {
    const blob = makeBlob(randomBytes(20 << 20));
    const source = new Source(blob);
    await startMirror({ url: await source.url });
    try {
      const path = `app/blobs/${blob.digest}`;
      const leaving = new AbortController();
      const first = await get(path, { signal: leaving.signal });
      const answer = await eventually(
        () => source.answers[0],
        (one) => one !== undefined,
      );
      answer?.write(blob.content.subarray(0, 18 << 20));
      const second = get(path).then((response) => response.arrayBuffer());
      const reader = first.body!.getReader();
      const { value } = await reader.read();
      assert.ok(value && value.length > 0, "it comes while the rest is on its way");
      leaving.abort();
      answer?.end(blob.content.subarray(18 << 20));
      assert.equal(makeBlob(Buffer.from(await second)).digest, blob.digest);
      source.close();
      const third = await get(path);
      assert.equal(makeBlob(Buffer.from(await third.arrayBuffer())).digest, blob.digest);
      assert.equal(source.answers.length, 1);
    } finally {
      source.close();
    }
  });

  it("never passes a wrong blob off as a whole one, and keeps nothing of it", async () => {
    const blob = makeBlob(randomBytes(9 << 20));
    const source = new Source(blob);
    await startMirror({ url: await source.url });
    try {
      const path = `app/blobs/${blob.digest}`;
      const answer = get(path).then((response) => response.arrayBuffer());
      const refused = assert.rejects(answer, "cut off before its end");
      const sent = await eventually(
        () => source.answers[0],
        (one) => one !== undefined,
      );
      const wrong = Buffer.from(blob.content);
      wrong[5] = (wrong[5] ?? 0) ^ 1;
      sent?.end(wrong);
      await refused;
      const list = () => storage.storage.list("docker/registry/v2/repositories/app/_chunks");
      await eventually(list, (ids) => ids.length === 0);
      const again = get(path).then((response) => response.arrayBuffer());
      (
        await eventually(
          () => source.answers[1],
          (one) => one !== undefined,
        )
      )?.end(blob.content);
      assert.equal(makeBlob(Buffer.from(await again)).digest, blob.digest);
    } finally {
      source.close();
    }
  });

  it("lists the upstream's referrers, all its pages of them, and its own when that is down", async () => {
    const image = await pushImage(origin.url, "app", "v1");
    const subject = { mediaType: mediaTypes.manifest, digest: image.manifest.digest, size: 1 };
    const wanted: string[] = [];
    for (let at = 0; at < 25; at++) {
      const annotations = { at: String(at), long: "x".repeat(60_000) };
      const manifest = makeManifest([image.config], { subject, annotations });
      await putManifest(origin.url, "app", manifest.digest, manifest);
      wanted.push(manifest.digest);
    }
    await startMirror({ url: origin.url });
    const list = async (query = "", most = Number.POSITIVE_INFINITY) => {
      const found: string[] = [];
      let path = `app/referrers/${image.manifest.digest}${query}`;
      for (let pages = 0; path && pages < most; pages++) {
        const answer = await get(path);
        const text = await answer.text();
        assert.ok(text.length < 2 << 20, "no page is longer than clients take");
        for (const { digest } of JSON.parse(text).manifests) found.push(digest);
        path = /^<\/v2\/([^>]+)>/.exec(answer.headers.get("link") ?? "")?.[1] ?? "";
      }
      return found;
    };
    assert.deepEqual(await list(), wanted.sort());
    assert.deepEqual(await list("?n=2", 1), wanted.slice(0, 2));
    assert.deepEqual(await list("?artifactType=none"), []);
    await get(`app/manifests/${wanted[3]}`);
    await origin.close();
    assert.deepEqual(await list(), [wanted[3]]);
  });

  it("has credentials for the upstream", async () => {
    const guarded = await startRegistry({
      checkPassword: async (user, password) => user === "anna" && password === "secret",
      root: origin.root,
    });
    try {
      const { manifest, layer } = await pushImage(origin.url, "app", "v1");
      await startMirror({ url: guarded.url, username: "anna", password: "secret" });
      assert.equal(await digestOfTag("app/manifests/v1"), manifest.digest);
      const found = await get(`app/blobs/${layer.digest}`);
      assert.deepEqual(Buffer.from(await found.arrayBuffer()), layer.content);
      const stranger = openUpstream({ url: guarded.url });
      const other = await startRegistry({ upstream: stranger });
      const refused = await fetch(`${other.url}/v2/app/manifests/v1`);
      await other.close();
      await stranger.close();
      assert.equal(refused.status, 403);
      assert.equal(await codeOf(refused), "DENIED");
    } finally {
      await guarded.close();
    }
  });
});
