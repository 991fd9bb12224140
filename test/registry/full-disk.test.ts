import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmdirSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { codeOf, makeBlob, pushBlob, pushImage, startRegistry } from "./fixtures.ts";

it("a push that fills the disk fails, leaves its room to others, and the registry goes on", async () => {
  const root = mkdtempSync(join(tmpdir(), "berth-registry-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=8m", "tmpfs", root]);
  const registry = await startRegistry({ root });
  try {
    await pushImage(registry.url, "app", "v1");
    const free = () => statfsSync(root).bavail * statfsSync(root).bsize;
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
  } finally {
    await registry.close();
    execFileSync("umount", [root]);
    rmdirSync(root);
  }
});
