import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, it } from "node:test";
import type { Digest } from "../../src/formats/digest.ts";
import { openFolderStorage } from "../../src/registry/folder-storage.ts";
import { blobKey, claimedKey, revisionKey, tagFolder } from "../../src/registry/layout.ts";
import type { CacheLimits } from "../../src/registry/mirror-cache.ts";
import type { Storage } from "../../src/registry/storage.ts";
import { openUpstream } from "../../src/registry/upstream.ts";
import { eventually } from "../engine.ts";
import { makeSmallDisk } from "../small-disk.ts";
import {
  makeBlob,
  pushBlob,
  pushImage,
  startRegistry,
  type TestBlob,
  type TestRegistry,
} from "./fixtures.ts";
import { Source } from "./source.ts";
import { describeStorages, type TestStorage } from "./storages.ts";

const hour = 3600_000;
const never: CacheLimits = { lifeMilliseconds: 0, mostBytes: undefined };

async function startMirror(storage: Storage, url: string, limits: CacheLimits) {
  const upstream = openUpstream({ url });
  const mirror = await startRegistry({ storage, upstream, limits });
  const get = (path: string, init: RequestInit = {}) => fetch(`${mirror.url}/v2/${path}`, init);
  return {
    ...mirror,
    get,
    async check(name: string, { digest, content }: TestBlob) {
      const answer = await get(`${name}/blobs/${digest}`);
      assert.deepEqual(Buffer.from(await answer.arrayBuffer()), content);
    },
    async [Symbol.asyncDispose]() {
      await mirror.close();
      await upstream.close();
    },
  };
}

/** The same storage, as if these had last been asked for two hours ago. */
function aged(storage: Storage, digests: readonly Digest[]): Storage {
  const keys = new Set(digests.flatMap((digest) => [blobKey(digest), claimedKey(digest)]));
  const modified = new Date(Date.now() - 2 * hour);
  return {
    ...storage,
    async find(key) {
      const found = await storage.find(key);
      return found && keys.has(key) ? { ...found, modified } : found;
    },
  };
}

describeStorages((make) => {
  let kept: TestStorage;
  let origin: TestRegistry;
  beforeEach(async () => {
    kept = await make();
    origin = await startRegistry();
  });
  afterEach(async () => {
    await origin.close();
    await kept.close();
  });
  const isKept = async (digest: Digest) => (await kept.storage.find(blobKey(digest))) !== undefined;

  it("what nobody has asked for in its time goes, with its tags, after a restart too; the rest stays", async () => {
    const [old, used] = [
      await pushImage(origin.url, "app", "old"),
      await pushImage(origin.url, "app", "used"),
    ];
    const shared = makeBlob();
    for (const name of ["one", "two"]) await pushBlob(origin.url, name, shared);
    {
      await using mirror = await startMirror(kept.storage, origin.url, never);
      for (const [tag, image] of Object.entries({ old, used })) {
        assert.equal((await mirror.get(`app/manifests/${tag}`)).status, 200);
        for (const blob of [image.config, image.layer]) await mirror.check("app", blob);
      }
      for (const name of ["one", "two"]) await mirror.check(name, shared);
    }
    const limits = { lifeMilliseconds: hour, mostBytes: undefined };
    const gone = [old.manifest, old.config, old.layer, shared].map(({ digest }) => digest);
    await using mirror = await startMirror(aged(kept.storage, gone), origin.url, limits);
    for (const digest of gone)
      await eventually(
        () => isKept(digest),
        (is) => !is,
      );
    for (const { digest } of [used.manifest, used.config, used.layer]) assert.ok(await isKept(digest));
    assert.deepEqual(await kept.storage.list(tagFolder("app", "old")), []);
    assert.equal(await kept.storage.find(revisionKey("app", old.manifest.digest)), undefined);
    assert.deepEqual(await (await mirror.get("_catalog")).json(), { repositories: ["app"] });
    // It is to be had all the same.
    assert.equal((await mirror.get("app/manifests/old")).status, 200);
    await mirror.check("two", shared);
    await origin.close();
    assert.equal((await mirror.get("app/manifests/used")).status, 200);
    await mirror.check("app", used.layer);
  });

  it("of what is too much goes what was not asked for the longest", async () => {
    const [a, b, c] = [1, 2, 3].map(() => makeBlob(randomBytes(1_000_000))) as [TestBlob, TestBlob, TestBlob];
    const large = makeBlob(randomBytes(3_000_000));
    for (const blob of [a, b, c, large]) await pushBlob(origin.url, "app", blob);
    const limits = { lifeMilliseconds: 0, mostBytes: 2_500_000 };
    await using mirror = await startMirror(kept.storage, origin.url, limits);
    for (const blob of [a, b, a, c]) await mirror.check("app", blob);
    await eventually(
      () => isKept(b.digest),
      (is) => !is,
    );
    for (const { digest } of [a, c]) assert.ok(await isKept(digest));
    await mirror.check("app", large);
    assert.equal(await isKept(large.digest), false, "larger than all that may be kept");
    for (const { digest } of [a, c]) assert.ok(await isKept(digest));
    const part = await mirror.get(`app/blobs/${large.digest}`, { headers: { Range: "bytes=10-19" } });
    assert.deepEqual(Buffer.from(await part.arrayBuffer()), large.content.subarray(10, 20));
  });

  it("what is being sent stays until it is sent", async () => {
    const [slow, other] = [makeBlob(randomBytes(12 << 20)), makeBlob(randomBytes(12 << 20))];
    for (const blob of [slow, other]) await pushBlob(origin.url, "app", blob);
    const limits = { lifeMilliseconds: 0, mostBytes: 16 << 20 };
    await using mirror = await startMirror(kept.storage, origin.url, limits);
    await mirror.check("app", slow);
    const reading = await mirror.get(`app/blobs/${slow.digest}`);
    const reader = reading.body!.getReader();
    const first = await reader.read();
    await mirror.check("app", other);
    await eventually(
      () => isKept(other.digest),
      (is) => !is,
    );
    assert.ok(await isKept(slow.digest));
    const parts = [first.value!];
    for (let next = await reader.read(); !next.done; next = await reader.read()) parts.push(next.value);
    assert.deepEqual(Buffer.concat(parts), slow.content);
  });

  it("what was pushed to a storage, or came from elsewhere, is never removed", async () => {
    const pushing = await startRegistry({ storage: kept.storage });
    const { layer, manifest } = await pushImage(pushing.url, "app", "v1");
    await pushing.close();
    const limits = { lifeMilliseconds: 1, mostBytes: 1 };
    {
      await using mirror = await startMirror(kept.storage, origin.url, limits);
      assert.equal((await mirror.get(`app/blobs/${layer.digest}`)).status, 200);
    }
    assert.ok(await isKept(layer.digest));
    assert.ok(await isKept(manifest.digest));
  });

  it("a storage that is pushed to later is no mirror any more", async () => {
    await (
      await startMirror(kept.storage, origin.url, { lifeMilliseconds: hour, mostBytes: undefined })
    ).close();
    const pushing = await startRegistry({ storage: kept.storage });
    const { layer } = await pushImage(pushing.url, "app", "v1");
    await pushing.close();
    await (
      await startMirror(kept.storage, origin.url, { lifeMilliseconds: 1, mostBytes: undefined })
    ).close();
    assert.ok(await isKept(layer.digest));
  });

  it("what another server removes while it is asked for is fetched again", async () => {
    const blob = makeBlob();
    await pushBlob(origin.url, "app", blob);
    const racing: Storage = {
      ...kept.storage,
      async read(key, range) {
        if (key === blobKey(blob.digest)) await kept.storage.remove(key);
        return kept.storage.read(key, range);
      },
    };
    {
      await using mirror = await startMirror(kept.storage, origin.url, never);
      await mirror.check("app", blob);
    }
    await using mirror = await startMirror(racing, origin.url, never);
    const answer = await mirror.get(`app/blobs/${blob.digest}`, { headers: { Range: "bytes=0-9" } });
    assert.deepEqual(Buffer.from(await answer.arrayBuffer()), blob.content.subarray(0, 10));
  });

  it("a blob that another repository has brought is not fetched again", async () => {
    const blob = makeBlob();
    const source = new Source(blob);
    try {
      await using mirror = await startMirror(kept.storage, await source.url, never);
      const first = mirror.check("one", blob);
      (await eventually(() => source.answers[0], Boolean))?.end(blob.content);
      await first;
      await mirror.check("two", blob);
      assert.equal(source.answers.length, 1);
    } finally {
      source.close();
    }
  });
});

it("a full disk at the mirror cuts no pull: what cannot be kept is passed on", async () => {
  await using disk = makeSmallDisk(4);
  await using origin = await startRegistry();
  const large = makeBlob(randomBytes(12 << 20));
  const { manifest, config, layer } = await pushImage(origin.url, "app", "v1");
  await pushBlob(origin.url, "app", large);
  await using mirror = await startMirror(await openFolderStorage(disk.path), origin.url, never);
  await Promise.all([1, 2, 3].map(() => mirror.check("app", large)));
  const part = await mirror.get(`app/blobs/${large.digest}`, {
    headers: { Range: "bytes=9000000-9999999" },
  });
  assert.equal(part.status, 206);
  assert.deepEqual(Buffer.from(await part.arrayBuffer()), large.content.subarray(9_000_000, 10_000_000));
  const filler = join(disk.path, "filler");
  assert.throws(() => writeFileSync(filler, Buffer.alloc(8 << 20)), { code: "ENOSPC" });
  for (const reference of ["v1", manifest.digest]) {
    const answer = await mirror.get(`app/manifests/${reference}`);
    assert.equal(answer.headers.get("docker-content-digest"), manifest.digest);
    assert.deepEqual(Buffer.from(await answer.arrayBuffer()), manifest.content);
  }
  for (const blob of [config, layer, large]) await mirror.check("app", blob);
  rmSync(filler);
  await mirror.check("app", layer);
  await origin.close();
  await mirror.check("app", layer);
  assert.equal((await mirror.get(`app/blobs/${large.digest}`)).status, 503);
});

it("what is passed on without being kept is verified all the same", async () => {
  const blob = makeBlob(randomBytes(3_000_000));
  const source = new Source(blob);
  const root = mkdtempSync(join(tmpdir(), "berth-registry-"));
  try {
    const limits = { lifeMilliseconds: 0, mostBytes: 1_000_000 };
    await using mirror = await startMirror(await openFolderStorage(root), await source.url, limits);
    const refused = assert.rejects(mirror.check("app", blob), "cut off before its end");
    const wrong = Buffer.from(blob.content);
    wrong[5] = (wrong[5] ?? 0) ^ 1;
    (await eventually(() => source.answers[0], Boolean))?.end(wrong);
    await refused;
    const again = mirror.check("app", blob);
    (await eventually(() => source.answers[1], Boolean))?.end(blob.content);
    await again;
  } finally {
    source.close();
    rmSync(root, { recursive: true });
  }
});
