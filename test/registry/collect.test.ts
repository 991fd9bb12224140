import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { it } from "node:test";
import { type CollectOptions, collectRegistryGarbage } from "../../src/registry/collect.ts";
import { blobKey, claimedKey, condemnedKey } from "../../src/registry/layout.ts";
import type { Storage } from "../../src/registry/storage.ts";
import { eventually } from "../engine.ts";
import {
  codeOf,
  makeBlob,
  makeManifest,
  pushBlob,
  pushImage,
  putManifest,
  startRegistry,
  type TestBlob,
} from "./fixtures.ts";
import { describeRegistries, makeFolder } from "./storages.ts";

const hour = 3600_000;

/** The same storage, as if all that was written until now was two hours old. */
function aged(storage: Storage, now = Date.now()): Storage {
  return {
    ...storage,
    async find(key) {
      const found = await storage.find(key);
      // Times of a bucket are in whole seconds.
      if (!found || found.modified.getTime() > now || key.includes("/collecting")) return found;
      return { ...found, modified: new Date(found.modified.getTime() - 2 * hour) };
    },
  };
}

/** The same storage, in which a server finds no claim but the one that it has just written: it renews each. */
function eager(storage: Storage): Storage {
  const written = new Map<string, number>();
  return {
    ...storage,
    async write(key, content, isMark) {
      await storage.write(key, content, isMark);
      // It looks for its time, and whether it is still there.
      if (key.endsWith("/claimed")) written.set(key, (written.get(key) ?? 0) + 2);
    },
    async find(key) {
      if (!key.endsWith("/claimed")) return storage.find(key);
      const times = written.get(key) ?? 0;
      written.set(key, Math.max(0, times - 1));
      return times > 0 ? storage.find(key) : undefined;
    },
  };
}

async function collect(storage: Storage, options: Partial<CollectOptions> = {}) {
  const lines: string[] = [];
  const collected = await collectRegistryGarbage(storage, {
    isDryRun: false,
    withUntagged: false,
    graceMilliseconds: hour,
    uploadMilliseconds: hour,
    report: (line) => lines.push(line),
    ...options,
  });
  return { ...collected, lines };
}

describeRegistries((registry) => {
  const statusOf = async (path: string) =>
    (await fetch(`${registry.url}/v2/${path}`, { method: "HEAD" })).status;
  const remove = (path: string) => fetch(`${registry.url}/v2/${path}`, { method: "DELETE" });

  it("takes what no manifest needs, and leaves what one does, in each repository by itself", async () => {
    const kept = await pushImage(registry.url, "kept", "v1");
    const gone = await pushImage(registry.url, "gone", "v1");
    await pushBlob(registry.url, "gone", kept.layer);
    const orphan = makeBlob();
    await pushBlob(registry.url, "kept", orphan);
    await remove(`gone/manifests/${gone.manifest.digest}`);

    assert.deepEqual((await collect(registry.kept.storage)).lines, [], "all of it is young");
    const tried = await collect(aged(registry.kept.storage), { isDryRun: true });
    assert.equal(await statusOf(`kept/blobs/${orphan.digest}`), 200);
    // The HEAD before has renewed nothing, since the claim is younger than five minutes.
    const { blobs, lines, sizeBytes } = await collect(aged(registry.kept.storage));
    assert.deepEqual(lines, tried.lines);
    const digests = [gone.config, gone.layer, gone.manifest, orphan].map(({ digest }) => digest);
    assert.deepEqual(lines.map((line) => line.split(" ")[1]).sort(), digests.sort());
    assert.equal(blobs, 4);
    assert.ok(sizeBytes > 2000);

    assert.equal(await statusOf(`kept/blobs/${orphan.digest}`), 404);
    assert.equal(await statusOf(`gone/blobs/${kept.layer.digest}`), 404, "not needed there");
    for (const { digest } of [kept.config, kept.layer])
      assert.equal(await statusOf(`kept/blobs/${digest}`), 200);
    assert.equal(await statusOf("kept/manifests/v1"), 200);
    assert.deepEqual((await collect(aged(registry.kept.storage))).lines, [], "and then nothing more");
  });

  it("takes untagged manifests on request, but not what a tag leads to", async () => {
    const name = "untagged";
    const old = await pushImage(registry.url, name, "latest");
    const child = await pushImage(registry.url, name, "child");
    const entry = { mediaType: "x/y", digest: child.manifest.digest, size: child.manifest.content.length };
    const index = makeBlob(JSON.stringify({ schemaVersion: 2, manifests: [entry] }));
    await fetch(`${registry.url}/v2/${name}/manifests/latest`, {
      method: "PUT",
      body: new Uint8Array(index.content),
    });
    const signature = makeManifest([child.config], { subject: entry, artifactType: "text/signature" });
    await putManifest(registry.url, name, signature.digest, signature);
    await remove(`${name}/manifests/child`);

    assert.equal((await collect(aged(registry.kept.storage))).manifests, 0);
    const { lines } = await collect(aged(registry.kept.storage), { withUntagged: true });
    assert.deepEqual(
      lines.filter((line) => line.startsWith("manifest")),
      [`manifest ${name}@${old.manifest.digest}`],
    );
    assert.equal(await statusOf(`${name}/manifests/${old.manifest.digest}`), 404);
    for (const { digest } of [index, child.manifest, signature]) {
      assert.equal(await statusOf(`${name}/manifests/${digest}`), 200);
    }
  });

  it("leaves a layer that may come from elsewhere, where it is here", async () => {
    const [config, layer] = [makeBlob(), makeBlob()];
    for (const blob of [config, layer]) await pushBlob(registry.url, "foreign", blob);
    const urls = ["http://127.0.0.1:1/"];
    const layers = [{ mediaType: "x/foreign", digest: layer.digest, size: 1, urls }];
    const answer = await putManifest(registry.url, "foreign", "v1", makeManifest([config], { layers }));
    assert.equal(answer.status, 201);
    await collect(aged(registry.kept.storage), { withUntagged: true });
    assert.equal(await statusOf(`foreign/blobs/${layer.digest}`), 200);
  });

  for (const moment of ["collecting", "condemned"] as const) {
    it(`leaves what an index needs that is pushed when a manifest is ${moment === "condemned" ? moment : "about to be"}`, async () => {
      const name = `index/${moment}`;
      const { manifest, config, layer } = await pushImage(registry.url, name, "child");
      await remove(`${name}/manifests/child`);
      const entry = { mediaType: "x/y", digest: manifest.digest, size: manifest.content.length };
      const inner = makeBlob(JSON.stringify({ schemaVersion: 2, manifests: [entry] }));
      const outer = makeBlob(
        JSON.stringify({ schemaVersion: 2, manifests: [{ ...entry, digest: inner.digest }] }),
      );
      const put = (url: string, reference: string, { content }: TestBlob) =>
        fetch(`${url}/v2/${name}/manifests/${reference}`, { method: "PUT", body: new Uint8Array(content) });
      assert.equal((await put(registry.url, inner.digest, inner)).status, 201);
      // Times of a bucket are in whole seconds.
      const now = Math.floor(Date.now() / 1000) * 1000 + 999;
      await eventually(
        () => Date.now(),
        (time) => time > now + 1,
      );
      await using other = await startRegistry({ storage: eager(registry.kept.storage) });
      const view = aged(registry.kept.storage, now);
      const claimed = claimedKey(manifest.digest);
      let push: Promise<Response> | undefined;
      let hasRead = false;
      const begin = async () => {
        push ??= put(other.url, "latest", outer);
        const isClaimed = eventually(
          () => view.find(claimed),
          (claim) => claim !== undefined && claim.modified.getTime() > now,
        );
        await Promise.race([push, isClaimed]);
      };
      const hooked: Storage = {
        ...view,
        async read(key, range) {
          hasRead ||= key === blobKey(manifest.digest);
          return view.read(key, range);
        },
        async find(key) {
          // It looks once more whether it is its turn.
          if (moment === "collecting" && hasRead && key.includes("/collecting")) await begin();
          return view.find(key);
        },
        async write(key, content, isMark) {
          await view.write(key, content, isMark);
          if (moment === "condemned" && key === condemnedKey(manifest.digest)) await begin();
        },
      };
      await collect(hooked, { withUntagged: true });
      const answer = await push;
      assert.ok(answer);
      if (answer.status === 400) return assert.equal(await codeOf(answer), "MANIFEST_BLOB_UNKNOWN");
      assert.equal(answer.status, 201);
      for (const { digest } of [manifest, inner])
        assert.equal(await statusOf(`${name}/manifests/${digest}`), 200);
      for (const { digest } of [config, layer]) assert.equal(await statusOf(`${name}/blobs/${digest}`), 200);
    });
  }

  it("gives up uploads that nobody goes on with", async () => {
    const begin = async () => {
      const answer = await fetch(`${registry.url}/v2/slow/blobs/uploads/`, { method: "POST" });
      const url = registry.url + answer.headers.get("location");
      await fetch(url, { method: "PATCH", body: "some bytes" });
      return url;
    };
    const old = await begin();
    const now = Date.now();
    const view = aged(registry.kept.storage, now);
    // Times of a bucket are in whole seconds.
    await eventually(
      () => Math.floor(Date.now() / 1000) * 1000,
      (second) => second > now,
    );
    const young = await begin();
    assert.equal((await collect(view)).uploads, 1);
    assert.equal((await fetch(old)).status, 404);
    assert.equal((await fetch(young)).status, 204);
  });

  it("removes nothing when a manifest cannot be read, or in too short a time", async () => {
    const orphan = makeBlob();
    await pushBlob(registry.url, "kept", orphan);
    const broken = makeBlob("{");
    const { storage: plain } = registry.kept;
    const hex = broken.digest.slice("sha256:".length);
    const link = `docker/registry/v2/repositories/kept/_manifests/revisions/sha256/${hex}/link`;
    const data = `docker/registry/v2/blobs/sha256/${hex.slice(0, 2)}/${hex}/data`;
    await plain.write(link, broken.digest);
    await plain.write(data, broken.content);
    await assert.rejects(collect(aged(plain)), /cannot be read, so nothing is removed/);
    await plain.remove(link);
    assert.equal(await statusOf(`kept/blobs/${orphan.digest}`), 200);
    await assert.rejects(collect(plain, { graceMilliseconds: 1000 }), /10 minutes at least/);
  });
});

it("beside pushes and deletions, an image that was taken has all its parts", async () => {
  const folder = await makeFolder();
  // Each claim is renewed, and the collection takes for old what was there when it began (a file's time is that of the last tick).
  const registry = await startRegistry({ storage: eager(folder.storage) });
  const pool = Array.from({ length: 8 }, () => makeBlob(randomBytes(100)));
  const tags = new Map<string, string[]>();
  let isOver = false;
  let refused = 0;
  const underWay = new Set<Promise<Response>>();

  async function pushAndDelete(name: string): Promise<void> {
    for (let round = 0; !isOver; round++) {
      const parts = pool.filter(() => Math.random() < 0.4);
      const manifest = makeManifest([pool[round % pool.length]!, ...parts], {
        annotations: { round: String(round) },
      });
      for (const blob of [pool[round % pool.length]!, ...parts]) {
        const head = await fetch(`${registry.url}/v2/${name}/blobs/${blob.digest}`, { method: "HEAD" });
        if (head.status === 404) await pushBlob(registry.url, name, blob);
      }
      const put = putManifest(registry.url, name, `t${round % 3}`, manifest);
      underWay.add(put);
      const answer = await put;
      underWay.delete(put);
      const text = await answer.text();
      if (answer.status === 201) {
        const digests = [pool[round % pool.length]!, ...parts].map(({ digest }) => digest);
        tags.set(`${name}:t${round % 3}`, digests);
      } else {
        assert.match(text, /MANIFEST_BLOB_UNKNOWN/);
        refused++;
      }
      if (round % 2) {
        const gone = `t${(round + 1) % 3}`;
        await fetch(`${registry.url}/v2/${name}/manifests/${gone}`, { method: "DELETE" });
        tags.delete(`${name}:${gone}`);
      }
    }
  }

  const pushes = ["a", "b", "a/c"].map(pushAndDelete);
  try {
    let removed = 0;
    for (let times = 0; times < 10 || (removed === 0 && times < 200); times++) {
      const view = aged(folder.storage, Date.now() - 20);
      // No push of a manifest takes longer than the grace, no upload longer than its own.
      await Promise.all(underWay);
      const { blobs } = await collect(view, { withUntagged: true, uploadMilliseconds: 100 * hour });
      removed += blobs;
    }
    isOver = true;
    await Promise.all(pushes);
    assert.ok(removed > 0, "something went");
    for (const [tag, digests] of tags) {
      const name = tag.slice(0, tag.indexOf(":"));
      for (const digest of digests) {
        const answer = await fetch(`${registry.url}/v2/${name}/blobs/${digest}`);
        assert.equal(answer.status, 200, `${tag} lacks ${digest} (${removed} removed, ${refused} refused)`);
        assert.equal(makeBlob(Buffer.from(await answer.arrayBuffer())).digest, digest);
      }
    }
  } finally {
    isOver = true;
    await Promise.allSettled(pushes);
    await registry.close();
    await folder.close();
  }
});
