import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf } from "../../src/formats/digest.ts";
import { type Descriptor, isIndex, parseManifest } from "../../src/formats/oci-manifest.ts";
import { findForPlatform } from "../../src/formats/platform.ts";

const descriptor = (name: string, platform?: Descriptor["platform"]): Descriptor => ({
  mediaType: "x/y",
  digest: digestOf(name),
  size: 5,
  ...(platform && { platform }),
});

test("manifests and indexes are told apart", () => {
  const manifest = parseManifest(
    JSON.stringify({ schemaVersion: 2, config: descriptor("c"), layers: [descriptor("l")] }),
  );
  assert.equal(isIndex(manifest), false);
  const index = parseManifest(
    JSON.stringify({ schemaVersion: 2, mediaType: "m", manifests: [descriptor("m")] }),
  );
  assert.deepEqual(index, { schemaVersion: 2, mediaType: "m", manifests: [descriptor("m")] });
});

test("the manifest for the machine is chosen, and one without a platform only when there is no other", () => {
  const arm7 = descriptor("arm7", { os: "linux", architecture: "arm", variant: "v7" });
  const arm6 = descriptor("arm6", { os: "linux", architecture: "arm", variant: "v6" });
  const amd64 = descriptor("amd64", { os: "linux", architecture: "amd64" });
  const unknown = descriptor("unknown", { os: "unknown", architecture: "unknown" });
  const plain = descriptor("plain");
  const all = [unknown, plain, arm7, arm6, amd64];
  assert.equal(findForPlatform(all, { os: "linux", architecture: "amd64" }), amd64);
  assert.equal(findForPlatform(all, { os: "linux", architecture: "arm", variant: "v6" }), arm6);
  assert.equal(findForPlatform(all, { os: "linux", architecture: "arm" }), arm7);
  assert.equal(findForPlatform(all, { os: "linux", architecture: "arm64" }), arm7);
  assert.equal(findForPlatform(all, { os: "linux", architecture: "arm", variant: "v5" }), plain);
  assert.equal(findForPlatform(all, { os: "linux", architecture: "riscv64" }), plain);
  assert.equal(findForPlatform([unknown], { os: "linux", architecture: "amd64" }), undefined);
});

test("what is no manifest is refused", () => {
  const wrong = [
    "",
    "[]",
    "{}",
    '{"layers":[]}',
    '{"layers":{},"config":{}}',
    '{"manifests":[{}]}',
    '{"manifests":[{"digest":"sha256:../../x","size":1}]}',
    JSON.stringify({ manifests: [{ ...descriptor("a"), size: -1 }] }),
    JSON.stringify({ manifests: [{ ...descriptor("a"), size: "5" }] }),
    JSON.stringify({ manifests: [{ ...descriptor("a"), size: 1e300 }] }),
  ];
  for (const text of wrong) assert.throws(() => parseManifest(text), { kind: "invalid" }, text);
});
