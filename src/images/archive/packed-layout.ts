import type { Digest } from "../../formats/digest.ts";
import { type Descriptor, type Index, mediaTypes } from "../../formats/oci-manifest.ts";
import { formatFamiliar, type Reference } from "../../formats/reference.ts";
import type { PackedImage } from "../push/pack-image.ts";
import { addBlob, blobName, type Content, describeTarget, type SaveStore } from "./archive-content.ts";
import { archiveOf, readSavedBlob, type SavedArchive } from "./archive-write.ts";

/** An image as an OCI layout, which `docker load` takes as well. */
export interface PackedLayout {
  /** What its index lists. */
  target: Descriptor;
  /** To be read once. */
  archive(): SavedArchive;
  /** All that is in it, what is named by others before those. */
  blobs: LayoutBlob[];
}

export interface LayoutBlob {
  digest: Digest;
  sizeBytes: number;
  /** A piece is good until the next one. */
  read(): AsyncIterable<Uint8Array>;
}

/** @param annotations of the target, in the layout's index; `main` is the digest of the manifest that the names stand for */
export async function layOut(
  packed: PackedImage,
  {
    names,
    annotations,
    main,
  }: { names: readonly Reference[]; annotations: Record<string, string>; main: Digest },
  store: SaveStore,
): Promise<PackedLayout> {
  const { images, documents, target } = packed;
  const content: Content = new Map();
  for (const { manifest, layers } of images) {
    const { config, configDigest } = manifest.content;
    for (const { digest } of layers) await addBlob(content, digest, store);
    await addBlob(content, configDigest, store, Date.parse(config.created ?? "") / 1000);
  }
  for (const [digest, text] of documents) content.set(digest, { text });
  const hasAnnotations = Object.keys(annotations).length > 0;
  const listed = { ...target, ...(hasAnnotations && { annotations }) };
  const index: Index = {
    ...{ schemaVersion: 2, mediaType: mediaTypes.index },
    manifests: describeTarget(listed, names),
  };
  const list = images.map(({ manifest, layers }) => ({
    Config: blobName(manifest.content.configDigest),
    RepoTags: manifest.descriptor.digest === main && names.length > 0 ? names.map(formatFamiliar) : null,
    Layers: layers.map(({ digest }) => blobName(digest)),
  }));
  const layout = { imageLayoutVersion: "1.0.0" };
  return {
    target: listed,
    archive: () =>
      archiveOf(content, { "index.json": index, "manifest.json": list, "oci-layout": layout }, store.jobs),
    blobs: [...content].map(([digest, blob]) => ({
      digest,
      sizeBytes: "text" in blob ? Buffer.byteLength(blob.text) : blob.sizeBytes,
      async *read() {
        if ("text" in blob) yield Buffer.from(blob.text);
        else yield* readSavedBlob(blob, store.jobs);
      },
    })),
  };
}
