import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { statfsSync } from "node:fs";
import { it } from "node:test";
import { makeSmallDisk } from "../small-disk.ts";
import { codeOf, makeBlob, pushBlob, pushImage, startRegistry } from "./fixtures.ts";

it("a push that fills the disk fails, leaves its room to others, and the registry goes on", async () => {
  await using disk = makeSmallDisk(8);
  await using registry = await startRegistry({ root: disk.path });
  await pushImage(registry.url, "app", "v1");
  const free = () => statfsSync(disk.path).bavail * statfsSync(disk.path).bsize;
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
