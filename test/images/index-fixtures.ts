import { type Digest, hexOf } from "../../src/formats/digest.ts";
import { hostPlatform } from "../../src/formats/image-config.ts";
import { type Descriptor, mediaTypes } from "../../src/formats/oci-manifest.ts";
import { addBlob, addManifest, type Content } from "../distribution/fixtures.ts";
import { makeTar } from "./fixtures.ts";
import { addImage, type LayerFixture, layer } from "./pull-fixtures.ts";

export const host = hostPlatform().architecture;
/** Which this machine does not run. */
export const other = host === "arm64" ? "amd64" : "arm64";
export const otherPlatform = { os: "linux", architecture: other };

/** What an index says of a manifest in a registry's content. */
export function describe(
  content: Content,
  digest: Digest,
  platform?: Descriptor["platform"],
  more: Partial<Descriptor> = {},
): Descriptor {
  const { text, mediaType } = content.manifests.get(digest) ?? { text: "", mediaType: mediaTypes.manifest };
  return { mediaType, digest, size: Buffer.byteLength(text), ...(platform && { platform }), ...more };
}

/** An image for a platform, as an index describes it. */
export function addFor(content: Content, architecture: string, layers: readonly LayerFixture[]): Descriptor {
  const digest = addImage(content, "", layers, { config: { architecture } });
  return describe(content, digest, { os: "linux", architecture });
}

/** What buildx adds to an index for an image: a manifest of documents about it. */
export function addAttestation(content: Content, subject: Digest): Descriptor {
  const config = { mediaType: mediaTypes.config, ...addBlob(content, `{"of":"${subject}"}`) };
  const statement = addBlob(content, JSON.stringify({ predicateType: "provenance", subject }));
  const digest = addManifest(content, "", mediaTypes.manifest, {
    config,
    layers: [{ mediaType: "application/vnd.in-toto+json", ...statement }],
  });
  const annotations = {
    "vnd.docker.reference.type": "attestation-manifest",
    "vnd.docker.reference.digest": subject,
  };
  return describe(content, digest, { os: "unknown", architecture: "unknown" }, { annotations });
}

export function addIndex(content: Content, tag: string, manifests: readonly Descriptor[]): Digest {
  return addManifest(content, tag, mediaTypes.index, { manifests });
}

/** An index of two platforms with an attestation for each, as buildx pushes it. */
export function addBuilt(content: Content, tag: string) {
  const images = [
    addFor(content, other, [layer("other")]),
    addFor(content, host, [layer("own"), layer("top", 1)]),
  ];
  const attestations = images.map(({ digest }) => addAttestation(content, digest));
  const listed = [...images, ...attestations] as [Descriptor, Descriptor, Descriptor, Descriptor];
  return { index: addIndex(content, tag, listed), listed };
}

/** An OCI layout with all that a registry has under a tag. */
export function layoutOf(content: Content, tag: string, name?: string): Buffer {
  const annotations = name === undefined ? undefined : { "io.containerd.image.name": name };
  const target = describe(content, content.tags[tag]!, undefined, annotations && { annotations });
  const blobs: [Digest, string | Buffer][] = [
    ...content.blobs,
    ...[...content.manifests].map(([key, { text }]): [Digest, string] => [key, text]),
  ];
  return makeTar([
    { name: "oci-layout", data: '{"imageLayoutVersion":"1.0.0"}' },
    { name: "index.json", data: JSON.stringify({ schemaVersion: 2, manifests: [target] }) },
    ...blobs.map(([key, data]) => ({ name: `blobs/sha256/${hexOf(key)}`, data })),
  ]);
}
