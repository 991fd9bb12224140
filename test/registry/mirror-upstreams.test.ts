import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, it } from "node:test";
import type { Digest } from "../../src/formats/digest.ts";
import { mediaTypes } from "../../src/formats/oci-manifest.ts";
import { blobKey, revisionKey } from "../../src/registry/layout.ts";
import { openUpstream, type Upstream } from "../../src/registry/upstream.ts";
import { makeBlob, makeManifest, startRegistry, type TestBlob, type TestRegistry } from "./fixtures.ts";
import { makeFolder, type TestStorage } from "./storages.ts";

const mediaType = "application/vnd.example.manifest+json";

/** An upstream that is no registry of ours: manifests of any kind, lists in any order. */
let server: Server;
let manifests: Map<string, TestBlob>;
let lists: Map<string, object>;
let upstream: Upstream;
let kept: TestStorage;
let mirror: TestRegistry;
beforeEach(async () => {
  manifests = new Map();
  lists = new Map();
  server = createServer(({ url = "" }, output) => {
    const list = lists.get(url);
    if (list) return output.end(JSON.stringify(list));
    const reference = /^\/v2\/app\/manifests\/(.+)$/.exec(url)?.[1] ?? "";
    const found =
      manifests.get(reference) ?? [...manifests.values()].find(({ digest }) => digest === reference);
    if (!found) return output.writeHead(404).end();
    const headers = { "Content-Type": mediaType, "Docker-Content-Digest": found.digest };
    return output.writeHead(200, headers).end(found.content);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  upstream = openUpstream({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
  kept = await makeFolder();
  mirror = await startRegistry({ storage: kept.storage, upstream });
});
afterEach(async () => {
  await mirror.close();
  await upstream.close();
  server.closeAllConnections();
  server.close();
  await kept.close();
});

const get = (path: string) => fetch(`${mirror.url}/v2/app/${path}`);
const digestOfTag = async (tag: string) =>
  (await get(`manifests/${tag}`)).headers.get("docker-content-digest");

const bad: Record<string, () => TestBlob> = {
  "has other digests than ours": () => {
    const layers = [{ mediaType: "x/y", digest: `sha512:${"0".repeat(128)}`, size: 1 }];
    return makeManifest([makeBlob()], { layers });
  },
  "is of an older schema": () => makeBlob(JSON.stringify({ schemaVersion: 1, name: "app" })),
};
for (const [what, make] of Object.entries(bad)) {
  it(`a manifest that ${what} is passed on, and other tags go on following the upstream`, async () => {
    const [first, second, third] = [0, 1, 2].map(() => makeManifest([makeBlob()])) as [
      TestBlob,
      TestBlob,
      TestBlob,
    ];
    manifests.set("v1", first).set("v2", second);
    for (const [tag, { digest }] of manifests) assert.equal(await digestOfTag(tag), digest);
    const broken = make();
    manifests.set("v1", broken).set("v2", third);
    for (const reference of ["v1", broken.digest, "v1"]) {
      const answer = await get(`manifests/${reference}`);
      assert.equal(answer.status, 200);
      assert.equal(answer.headers.get("content-type"), mediaType);
      assert.deepEqual(Buffer.from(await answer.arrayBuffer()), broken.content);
    }
    assert.equal(await digestOfTag("v2"), third.digest);
    assert.equal(await kept.storage.find(revisionKey("app", broken.digest)), undefined);
  });
}

it("what the storage has and cannot be read is asked for as if it were not there", async () => {
  const left = makeBlob(JSON.stringify({ schemaVersion: 1 }));
  await kept.storage.write(
    "docker/registry/v2/repositories/app/_manifests/tags/v1/current/link",
    left.digest,
  );
  await kept.storage.write(revisionKey("app", left.digest), left.digest);
  await kept.storage.write(blobKey(left.digest), left.content);
  const now = makeManifest([makeBlob()]);
  manifests.set("v1", now);
  assert.equal(await digestOfTag("v1"), now.digest);
});

/** All pages, of two each. */
async function readPages<T>(path: string, itemsOf: (page: Record<string, T[]>) => T[] | undefined) {
  const items: T[] = [];
  for (let next: string | undefined = `${path}?n=2`, pages = 0; next; pages++) {
    assert.ok(pages < 10);
    const answer = await fetch(new URL(next, `${mirror.url}/v2/app/`));
    items.push(...(itemsOf((await answer.json()) as Record<string, T[]>) ?? []));
    next = /^<([^>]+)>/.exec(answer.headers.get("link") ?? "")?.[1];
  }
  return items;
}

it("a list of tags in no order loses none on the way through pages", async () => {
  lists.set("/v2/app/tags/list", { name: "app", tags: ["v9", "v10", "latest", "v1", "A"] });
  const tags = await readPages<string>("tags/list", (page) => page.tags);
  assert.deepEqual(tags, ["A", "latest", "v1", "v10", "v9"]);
});

it("a list of referrers in no order loses none on the way through pages", async () => {
  const subject = makeBlob().digest;
  const digests = [7, 1, 9, 4, 2].map((digit): Digest => `sha256:${String(digit).repeat(64)}`);
  const referrers = digests.map((digest) => ({ mediaType: mediaTypes.manifest, digest, size: 1 }));
  lists.set(`/v2/app/referrers/${subject}`, { schemaVersion: 2, manifests: referrers });
  const found = await readPages<{ digest: Digest }>(`referrers/${subject}`, (page) => page.manifests);
  assert.deepEqual(
    found.map(({ digest }) => digest),
    digests.sort(),
  );
});
