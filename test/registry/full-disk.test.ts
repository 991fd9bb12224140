import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { it } from "node:test";
import { collectRegistryGarbage } from "../../src/registry/collect.ts";
import { openFolderStorage } from "../../src/registry/folder-storage.ts";
import type { Storage } from "../../src/registry/storage.ts";
import { eventually } from "../engine.ts";
import { makeSmallDisk } from "../small-disk.ts";
import { codeOf, makeBlob, pushBlob, pushImage, startRegistry } from "./fixtures.ts";

const freeBytes = (path: string) => statfsSync(path).bavail * statfsSync(path).bsize;

it("a push that fills the disk fails, leaves its room to others, and the registry goes on", async () => {
  await using disk = makeSmallDisk(8);
  await using registry = await startRegistry({ root: disk.path });
  await pushImage(registry.url, "app", "v1");
  const free = () => freeBytes(disk.path);
  const before = free();
  const large = makeBlob(randomBytes(12 << 20));
  const whole = `${registry.url}/v2/app/blobs/uploads/?digest=${large.digest}`;
  const answer = await fetch(whole, { method: "POST", body: new Uint8Array(large.content) });
  assert.equal(answer.status, 507);
  assert.equal(await codeOf(answer), "STORAGE_FULL");
  const begun = await fetch(`${registry.url}/v2/app/blobs/uploads/`, { method: "POST" });
  const location = registry.url + begun.headers.get("location");
  const patch = await fetch(location, { method: "PATCH", body: new Uint8Array(large.content) });
  assert.equal(patch.status, 507);
  assert.equal((await fetch(location)).status, 404, "the upload is given up");
  assert.ok(free() >= before - 65_536, `${before} bytes free before, ${free()} after`);

  await pushBlob(registry.url, "app", makeBlob(randomBytes(1 << 20)));
  assert.equal((await fetch(`${registry.url}/v2/app/manifests/v1`)).status, 200);
});

it("an upload that another server completes leaves its room to others when its copy fills the disk", async () => {
  await using disk = makeSmallDisk(8);
  await using first = await startRegistry({ root: disk.path });
  await using second = await startRegistry({ root: disk.path });
  await pushImage(first.url, "app", "v1");
  const before = freeBytes(disk.path);
  const large = makeBlob(randomBytes(5 << 20));
  const begun = await fetch(`${first.url}/v2/app/blobs/uploads/`, { method: "POST" });
  const path = begun.headers.get("location") ?? "";
  const patch = await fetch(first.url + path, { method: "PATCH", body: new Uint8Array(large.content) });
  assert.equal(patch.status, 202);
  const answer = await fetch(`${second.url}${path}?digest=${large.digest}`, { method: "PUT" });
  assert.equal(answer.status, 507);
  assert.equal(await codeOf(answer), "STORAGE_FULL");
  assert.equal((await fetch(first.url + path)).status, 404, "the upload is given up");
  // What was being read is closed a little later.
  await eventually(
    () => freeBytes(disk.path),
    (free) => free >= before - 65_536,
  );
});

it("garbage is collected from a full disk", async () => {
  await using disk = makeSmallDisk(8);
  await using registry = await startRegistry({ root: disk.path });
  const orphan = makeBlob(randomBytes(3 << 20));
  const { layer } = await pushImage(registry.url, "app", "v1");
  await pushBlob(registry.url, "app", orphan);
  const filler = join(disk.path, "filler");
  assert.throws(() => writeFileSync(filler, Buffer.alloc(8 << 20)), { code: "ENOSPC" });
  const storage = await openFolderStorage(disk.path);
  await assert.rejects(storage.write("docker/registry/v2/note", "not a byte more"), { code: "ENOSPC" });
  /** As if all had been pushed two hours ago. */
  const aged: Storage = {
    ...storage,
    async find(key) {
      const found = await storage.find(key);
      if (!found || key.includes("/collecting")) return found;
      return { ...found, modified: new Date(found.modified.getTime() - 2 * 3600_000) };
    },
  };
  const options = { withUntagged: false, graceMilliseconds: 3600_000, uploadMilliseconds: 3600_000 };
  for (const isDryRun of [true, false]) {
    const lines: string[] = [];
    await collectRegistryGarbage(aged, { ...options, isDryRun, report: (line) => lines.push(line) });
    assert.deepEqual(lines, [`blob ${orphan.digest} (3.146MB)`]);
  }
  assert.ok(freeBytes(disk.path) >= 3 << 20);
  assert.equal((await fetch(`${registry.url}/v2/app/blobs/${layer.digest}`)).status, 200);
  rmSync(filler);
});
