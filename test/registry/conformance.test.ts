import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { it } from "node:test";
import { mediaTypes } from "../../src/formats/oci-manifest.ts";
import { codeOf, makeBlob, makeManifest, pushBlob, putManifest, type TestBlob } from "./fixtures.ts";
import { describeRegistries } from "./storages.ts";

const emptyJson = makeBlob("{}");
const custom = "application/vnd.example.thing";
const describe = ({ digest, content }: TestBlob, mediaType: string = mediaTypes.manifest) => ({
  mediaType,
  digest,
  size: content.length,
});
const makeIndex = (manifests: readonly TestBlob[], more: object = {}) =>
  makeBlob(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.index,
      manifests: manifests.map((one) => describe(one)),
      ...more,
    }),
  );

interface Sample {
  blobs: TestBlob[];
  /** Children first; the last one gets the tag. */
  manifests: TestBlob[];
  /** What the list of the subject's referrers has of the last one. */
  referrer?: { subject: TestBlob; artifactType?: string; annotations?: object };
}

/** The kinds of content that a registry has to give back to the letter (image specification, and the conformance tests' own). */
function makeSamples(): Record<string, Sample> {
  const [config, layer] = [makeBlob(), makeBlob()];
  const blobs = [config, layer];
  const image = (more: object = {}, of: [TestBlob, ...TestBlob[]] = [config, layer]) =>
    makeManifest(of, more);
  const artifact = (more: object) =>
    image({
      artifactType: custom,
      config: describe(emptyJson, "application/vnd.oci.empty.v1+json"),
      ...more,
    });
  const plain = image({ annotations: { plain: "yes" } });
  const subject = describe(plain);
  const index = makeIndex([plain]);
  const nowhere = makeBlob();
  const annotations = { "org.example.note": "hello" };
  const large = Object.fromEntries(Array.from({ length: 390 }, (_, at) => [`a${at}`, "A".repeat(10_000)]));
  const foreign = { urls: ["https://store.example.com/layer"], ...describe(makeBlob(), "x/foreign") };
  return {
    "an image": { blobs, manifests: [image()] },
    "a manifest of almost four megabytes": { blobs, manifests: [image({ annotations: large })] },
    "an image without layers": { blobs: [config], manifests: [image({}, [config])] },
    "an image with fields that nobody knows": {
      blobs,
      manifests: [image({ "org.example": { a: [1, null] } })],
    },
    "an image with content in its descriptors": {
      blobs,
      manifests: [image({ config: { ...describe(config), data: config.content.toString("base64") } })],
    },
    "an image with a layer from elsewhere": {
      blobs,
      manifests: [image({ layers: [foreign, describe(layer)] })],
    },
    "a manifest that does not say its media type": { blobs, manifests: [image({ mediaType: undefined })] },
    "white space as it was": { blobs, manifests: [makeBlob(`\n ${image().content.toString()}\n\n`)] },
    "an artifact": { blobs: [emptyJson, layer], manifests: [artifact({})] },
    "an index": { blobs, manifests: [plain, image(), makeIndex([plain, image()])] },
    "an index of indexes": { blobs, manifests: [plain, index, makeIndex([index, index])] },
    "an index of nothing": { blobs: [], manifests: [makeIndex([])] },
    "an image with a subject": {
      blobs,
      manifests: [plain, image({ subject })],
      referrer: { subject: plain, artifactType: mediaTypes.config },
    },
    "an artifact with a subject": {
      blobs: [emptyJson, ...blobs],
      manifests: [plain, artifact({ subject, annotations })],
      referrer: { subject: plain, artifactType: custom, annotations },
    },
    "an artifact whose subject is not there": {
      blobs: [emptyJson, layer],
      manifests: [artifact({ subject: describe(nowhere), annotations })],
      referrer: { subject: nowhere, artifactType: custom, annotations },
    },
    "an index with a subject": {
      blobs,
      manifests: [plain, makeIndex([plain], { subject, artifactType: custom, annotations })],
      referrer: { subject: plain, artifactType: custom, annotations },
    },
    "an index with a subject and no type": {
      blobs,
      manifests: [plain, makeIndex([plain], { subject })],
      referrer: { subject: plain },
    },
  };
}

describeRegistries((registry) => {
  const { call } = registry;
  async function checkServed(path: string, { content, digest }: TestBlob, mediaType: string): Promise<void> {
    const [got, head] = [await call("GET", path), await call("HEAD", path)];
    for (const answer of [got, head]) {
      assert.equal(answer.status, 200, path);
      assert.equal(answer.headers.get("content-type"), mediaType);
      assert.equal(answer.headers.get("content-length"), String(content.length));
      assert.equal(answer.headers.get("docker-content-digest"), digest);
    }
    assert.ok(content.equals(Buffer.from(await got.arrayBuffer())));
    assert.equal(await head.text(), "");
  }

  async function checkReferrers(
    name: string,
    manifest: TestBlob,
    { subject, ...wanted }: NonNullable<Sample["referrer"]>,
  ) {
    const list = async (query = "") => {
      const answer = await call("GET", `/v2/${name}/referrers/${subject.digest}${query}`);
      assert.equal(answer.headers.get("content-type"), mediaTypes.index);
      const index = (await answer.json()) as { manifests: { digest: string }[] };
      assert.deepEqual(
        { ...index, manifests: [] },
        { schemaVersion: 2, mediaType: mediaTypes.index, manifests: [] },
      );
      return index.manifests.filter(({ digest }) => digest === manifest.digest);
    };
    const { mediaType } = JSON.parse(manifest.content.toString());
    const entry = { ...describe(manifest, mediaType), ...wanted };
    assert.deepEqual(await list(), [entry]);
    const type = wanted.artifactType;
    if (type) assert.deepEqual(await list(`?artifactType=${encodeURIComponent(type)}`), [entry]);
    assert.deepEqual(await list("?artifactType=other"), []);
  }

  for (const [what, { blobs, manifests, referrer }] of Object.entries(makeSamples())) {
    it(`${what}: pushed, listed, served to the letter, referred to and deleted`, async () => {
      const name = `samples/${what.replaceAll(" ", "-")}`;
      for (const blob of blobs) await pushBlob(registry.url, name, blob);
      const top = manifests.at(-1)!;
      const typeOf = ({ content }: TestBlob) =>
        JSON.parse(content.toString()).mediaType ?? mediaTypes.manifest;
      for (const manifest of manifests) {
        const reference = manifest === top ? "tag_1.0" : manifest.digest;
        const headers = { "Content-Type": typeOf(manifest) };
        const body = new Uint8Array(manifest.content);
        const answer = await call("PUT", `/v2/${name}/manifests/${reference}`, { headers, body });
        assert.equal(answer.status, 201, await answer.text());
        assert.equal(answer.headers.get("docker-content-digest"), manifest.digest);
        if (manifest === top)
          assert.equal(answer.headers.get("oci-subject"), referrer?.subject.digest ?? null);
        await checkServed(answer.headers.get("location") ?? "", manifest, typeOf(manifest));
        await checkServed(`/v2/${name}/manifests/${reference}`, manifest, typeOf(manifest));
      }
      assert.deepEqual(await (await call("GET", `/v2/${name}/tags/list`)).json(), {
        name,
        tags: ["tag_1.0"],
      });
      if (referrer) await checkReferrers(name, top, referrer);
      for (const reference of ["tag_1.0", ...manifests.map(({ digest }) => digest).reverse()]) {
        const path = `/v2/${name}/manifests/${reference}`;
        assert.equal((await call("DELETE", path)).status, 202);
        for (const method of ["HEAD", "GET", "DELETE"]) assert.equal((await call(method, path)).status, 404);
      }
      for (const { digest } of blobs) {
        assert.equal((await call("DELETE", `/v2/${name}/blobs/${digest}`)).status, 202);
        assert.equal((await call("HEAD", `/v2/${name}/blobs/${digest}`)).status, 404);
        assert.equal((await call("DELETE", `/v2/${name}/blobs/${digest}`)).status, 404);
      }
    });
  }

  /** All ways of pushing a blob; each gives the last answer. */
  const begin = async () => (await call("POST", "/v2/ways/blobs/uploads/")).headers.get("location") ?? "";
  const body = (content: Buffer) => ({ body: new Uint8Array(content) });
  const ways: Record<string, (content: Buffer, digest: string) => Promise<Response>> = {
    "in one request": (content, digest) =>
      call("POST", `/v2/ways/blobs/uploads/?digest=${digest}`, body(content)),
    "in two requests": async (content, digest) =>
      call("PUT", `${await begin()}?digest=${digest}`, body(content)),
    "as a stream": async (content, digest) => {
      const answer = await call("PATCH", await begin(), body(content));
      return call("PUT", `${answer.headers.get("location")}?digest=${digest}`);
    },
    "in chunks, the last with its digest, and some out of turn": async (content, digest) => {
      let location = await begin();
      const size = Math.ceil(content.length / 3) || 1;
      for (let at = 0; ; at += size) {
        const isLast = at + size >= content.length;
        const send = (start: number) =>
          call(isLast ? "PUT" : "PATCH", isLast ? `${location}?digest=${digest}` : location, {
            ...(content.length > 0 && {
              headers: { "Content-Range": `${start}-${start + content.subarray(at, at + size).length - 1}` },
            }),
            ...body(content.subarray(at, at + size)),
          });
        if (content.length > 0) {
          const early = await send(at + 7);
          assert.equal(early.status, 416);
          const state = await call("GET", early.headers.get("location") ?? "");
          assert.equal(state.status, 204);
          assert.equal(state.headers.get("range"), `0-${Math.max(0, at - 1)}`);
        }
        const answer = await send(at);
        if (isLast) return answer;
        assert.equal(answer.status, 202);
        location = answer.headers.get("location") ?? "";
      }
    },
  };
  for (const [way, push] of Object.entries(ways)) {
    it(`a blob pushed ${way} is there when its digest is right, and only then`, async () => {
      for (const content of [Buffer.alloc(0), emptyJson.content, randomBytes(512), randomBytes(100_003)]) {
        const blob = makeBlob(content);
        const wrong = await push(Buffer.concat([content, Buffer.from("oh no")]), blob.digest);
        assert.equal(wrong.status, 400);
        assert.equal(await codeOf(wrong), "DIGEST_INVALID");
        assert.equal((await call("HEAD", `/v2/ways/blobs/${blob.digest}`)).status, 404);
        const answer = await push(content, blob.digest);
        assert.equal(answer.status, 201, await answer.text());
        assert.equal(answer.headers.get("docker-content-digest"), blob.digest);
        await checkServed(answer.headers.get("location") ?? "", blob, "application/octet-stream");
        await call("DELETE", `/v2/ways/blobs/${blob.digest}`);
      }
    });
  }

  it("a manifest is not taken for another than it is, by digest or by type", async () => {
    const manifest = makeManifest([emptyJson]);
    await pushBlob(registry.url, "wrong", emptyJson);
    for (const reference of ["sha256:baddigest", makeBlob().digest]) {
      const answer = await putManifest(registry.url, "wrong", reference, manifest);
      assert.equal(answer.status, 400);
      assert.equal(await codeOf(answer), "DIGEST_INVALID");
      assert.equal((await call("GET", `/v2/wrong/manifests/${reference}`)).status, 404);
    }
    assert.equal((await call("GET", "/v2/wrong/manifests/missing")).status, 404);
  });
});
