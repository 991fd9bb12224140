import assert from "node:assert/strict";
import { after, before, it } from "node:test";
import {
  codeOf,
  makeManifest,
  pushImage,
  putManifest,
  startRegistry,
  type TestRegistry,
} from "./fixtures.ts";

let registry: TestRegistry;
before(async () => {
  registry = await startRegistry();
});
after(() => registry.close());

const get = (path: string) => fetch(`${registry.url}${path}`);

/** Follows the links from page to page. */
async function readPages(path: string): Promise<unknown[]> {
  const pages: unknown[] = [];
  for (let next: string | undefined = path; next; ) {
    const answer = await get(next);
    assert.equal(answer.status, 200);
    pages.push(await answer.json());
    next = /^<([^>]+)>; rel="next"$/.exec(answer.headers.get("link") ?? "")?.[1];
    assert.ok(pages.length < 20);
  }
  return pages;
}

it("tags are listed in order, page by page", async () => {
  for (const tag of ["b", "a", "1.0", "B", "a.1"]) await pushImage(registry.url, "tags/app", tag);
  const pages = await readPages("/v2/tags/app/tags/list?n=2");
  assert.deepEqual(pages, [
    { name: "tags/app", tags: ["1.0", "B"] },
    { name: "tags/app", tags: ["a", "a.1"] },
    { name: "tags/app", tags: ["b"] },
  ]);
  assert.deepEqual(await readPages("/v2/tags/app/tags/list?last=a"), [
    { name: "tags/app", tags: ["a.1", "b"] },
  ]);
  assert.deepEqual(await readPages("/v2/tags/app/tags/list?n=0"), [{ name: "tags/app", tags: [] }]);
  assert.deepEqual(await readPages("/v2/tags/app/tags/list?last=aa&n=5"), [
    { name: "tags/app", tags: ["b"] },
  ]);
  for (const n of ["-1", "x", "1.5"]) {
    const answer = await get(`/v2/tags/app/tags/list?n=${n}`);
    assert.equal(answer.status, 400);
    assert.equal(await codeOf(answer), "PAGINATION_NUMBER_INVALID");
  }
  const unknown = await get("/v2/tags/none/tags/list");
  assert.equal(unknown.status, 404);
  assert.equal(await codeOf(unknown), "NAME_UNKNOWN");
});

it("the catalog lists repositories with manifests, page by page, those inside others too", async () => {
  const other = await startRegistry();
  try {
    for (const name of ["a-b", "a", "a/b", "a/b/c", "z"]) await pushImage(other.url, name, "v1");
    await fetch(`${other.url}/v2/only-an-upload/blobs/uploads/`, { method: "POST" });
    const names: string[] = [];
    let path = "/v2/_catalog?n=2";
    for (let pages = 0; path; pages++) {
      assert.ok(pages < 4);
      const answer = await fetch(other.url + path);
      names.push(...((await answer.json()) as { repositories: string[] }).repositories);
      path = /^<([^>]+)>/.exec(answer.headers.get("link") ?? "")?.[1] ?? "";
    }
    assert.deepEqual(names, ["a", "a/b", "a/b/c", "a-b", "z"]);
    const removal = await fetch(`${other.url}/v2/z/manifests/v1`);
    const digest = removal.headers.get("docker-content-digest");
    assert.equal((await fetch(`${other.url}/v2/z/manifests/${digest}`, { method: "DELETE" })).status, 202);
    const left = await (await fetch(`${other.url}/v2/_catalog?last=a/b/c`)).json();
    assert.deepEqual(left, { repositories: ["a-b"] });
  } finally {
    await other.close();
  }
});

it("referrers of a manifest are listed, by type too, before and after it is there itself", async () => {
  const name = "referred";
  const image = await pushImage(registry.url, name, "v1");
  const subject = {
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    digest: image.manifest.digest,
    size: 1,
  };
  const path = `/v2/${name}/referrers/${image.manifest.digest}`;
  assert.deepEqual(((await (await get(path)).json()) as { manifests: [] }).manifests, []);
  const annotations = { "org.example.note": "yes" };
  const signature = makeManifest([image.config], { subject, artifactType: "text/signature", annotations });
  const other = makeManifest([image.config], { subject });
  for (const { digest, ...rest } of [signature, other]) {
    const answer = await putManifest(registry.url, name, digest, { digest, ...rest });
    assert.equal(answer.status, 201);
    assert.equal(answer.headers.get("oci-subject"), image.manifest.digest);
  }
  const answer = await get(path);
  assert.equal(answer.headers.get("content-type"), "application/vnd.oci.image.index.v1+json");
  assert.equal(answer.headers.get("oci-filters-applied"), null);
  const { manifests } = (await answer.json()) as { manifests: { digest: string; artifactType: string }[] };
  assert.deepEqual(manifests.map(({ artifactType }) => artifactType).sort(), [
    "application/vnd.oci.image.config.v1+json",
    "text/signature",
  ]);
  assert.equal((await readPages(`${path}?n=1`)).length, 2);

  const filtered = await get(`${path}?artifactType=text%2Fsignature`);
  assert.equal(filtered.headers.get("oci-filters-applied"), "artifactType");
  assert.deepEqual(((await filtered.json()) as { manifests: object[] }).manifests, [
    {
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      digest: signature.digest,
      size: signature.content.length,
      artifactType: "text/signature",
      annotations,
    },
  ]);

  await fetch(`${registry.url}/v2/${name}/manifests/${signature.digest}`, { method: "DELETE" });
  const left = (await (await get(path)).json()) as { manifests: { digest: string }[] };
  assert.deepEqual(
    left.manifests.map(({ digest }) => digest),
    [other.digest],
  );
  const annotated = (at: number) => ({ subject, annotations: { at: String(at), long: "x".repeat(60_000) } });
  for (let at = 0; at < 40; at++) {
    const { digest, content } = makeManifest([image.config], annotated(at));
    assert.equal((await putManifest(registry.url, name, digest, { digest, content })).status, 201);
  }
  const pages = (await readPages(path)) as { manifests: { digest: string }[] }[];
  assert.ok(pages.length > 2, "no page is longer than clients take");
  assert.ok(pages.every((page) => JSON.stringify(page).length < 2 << 20));
  assert.equal(new Set(pages.flatMap(({ manifests }) => manifests.map(({ digest }) => digest))).size, 41);
  assert.equal((await get("/v2/never/referrers/sha256:none")).status, 400);
  const empty = await get(`/v2/never/referrers/${image.layer.digest}`);
  assert.equal(empty.status, 200);
});
