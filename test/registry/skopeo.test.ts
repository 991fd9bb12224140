import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { hexOf } from "../../src/formats/digest.ts";
import { makeLayout, skopeo, startRegistry } from "./fixtures.ts";

it("skopeo pushes an image, finds it, and pulls the same bytes", async () => {
  const registry = await startRegistry();
  const folder = mkdtempSync(join(tmpdir(), "layout-"));
  try {
    const { digest, content } = makeLayout(join(folder, "image"), [3_000_000, 10, 0]);
    const name = `docker://${registry.host}/team/app:v1`;
    await skopeo("copy", "--dest-tls-verify=false", `oci:${folder}/image:made`, name);
    assert.equal(JSON.parse(await skopeo("inspect", "--tls-verify=false", name)).Digest, digest);
    const tags = await skopeo("list-tags", "--tls-verify=false", `docker://${registry.host}/team/app`);
    assert.deepEqual(JSON.parse(tags).Tags, ["v1"]);
    await skopeo("copy", "--src-tls-verify=false", name, `oci:${folder}/back:made`);
    assert.deepEqual(readFileSync(join(folder, "back/blobs/sha256", hexOf(digest))), content);
    await skopeo("delete", "--tls-verify=false", name);
    await assert.rejects(skopeo("inspect", "--tls-verify=false", name), /manifest unknown/i);
  } finally {
    await registry.close();
    rmSync(folder, { recursive: true });
  }
});
