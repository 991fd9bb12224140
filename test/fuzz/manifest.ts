import assert from "node:assert/strict";
import { isDigest } from "../../src/formats/digest.ts";
import { isIndex, mediaTypes, parseManifest } from "../../src/formats/oci-manifest.ts";
import { findForPlatform } from "../../src/formats/platform.ts";
import { parseArchiveManifest } from "../../src/images/archive/archive-manifest.ts";
import { readIndexTree } from "../../src/images/index-tree.ts";
import { mutateJson } from "./mutate.ts";
import type { Target } from "./target.ts";

const digest = (digit: string) => `sha256:${digit.repeat(64)}`;
const layer = { mediaType: mediaTypes.gzipLayer, digest: digest("b"), size: 7 };
const manifestDocument = {
  schemaVersion: 2,
  mediaType: mediaTypes.manifest,
  config: { mediaType: mediaTypes.config, digest: digest("a"), size: 5 },
  layers: [layer, { ...layer, annotations: { key: "value" }, urls: ["https://example.com/x"] }],
};
const index = {
  schemaVersion: 2,
  mediaType: mediaTypes.index,
  manifests: [
    {
      mediaType: mediaTypes.manifest,
      digest: digest("c"),
      size: 9,
      platform: { os: "linux", architecture: "amd64" },
    },
    {
      mediaType: mediaTypes.manifest,
      digest: digest("d"),
      size: 9,
      platform: { os: "linux", architecture: "arm64", variant: "v8" },
    },
  ],
};
const nested = {
  ...index,
  manifests: [
    { ...index.manifests[0], mediaType: mediaTypes.index, digest: digest("e") },
    { ...index.manifests[1], mediaType: mediaTypes.dockerList, digest: digest("f") },
  ],
};
const archive = [{ Config: "a.json", RepoTags: ["x:1", "y:2"], Layers: ["b/layer.tar", "c/layer.tar"] }];

/** Manifests and indexes of registries and layouts, and the list in an archive of docker's. */
export const manifest: Target = {
  name: "manifest",
  smallCount: 20_000,
  mostMilliseconds: 50,
  open: () => ({
    async attempt(random) {
      if (random.next() < 0.3) {
        for (const { config, repoTags, layers } of parseArchiveManifest(mutateJson(random, archive)))
          assert.ok([config, ...repoTags, ...layers].every((text) => typeof text === "string"));
        return;
      }
      const parsed = parseManifest(
        mutateJson(random, random.pick<object>([manifestDocument, index, nested])),
      );
      const descriptors = isIndex(parsed) ? parsed.manifests : [parsed.config, ...parsed.layers];
      for (const descriptor of descriptors) {
        assert.ok(
          isDigest(descriptor.digest) && Number.isSafeInteger(descriptor.size) && descriptor.size >= 0,
        );
        for (const text of Object.values(descriptor.annotations ?? {})) assert.equal(typeof text, "string");
      }
      if (!isIndex(parsed)) return;
      findForPlatform(parsed.manifests);
      // Each index within it is another one that somebody has changed.
      const tree = await readIndexTree(parsed, async (descriptor) => {
        const text = mutateJson(random, random.pick<object>([index, nested]));
        if (random.next() < 0.9) descriptor.size = Buffer.byteLength(text);
        return random.next() < 0.1 ? undefined : text;
      });
      assert.ok(tree.manifests.length <= 1000 && tree.indexes.length <= 16);
      for (const { descriptor } of tree.manifests) {
        assert.ok(isDigest(descriptor.digest) && JSON.stringify(descriptor).length < 10_000);
        const { os = "x", architecture = "x" } = descriptor.platform ?? {};
        assert.match(os + architecture, /^[\w.-]+$/);
      }
    },
  }),
};
