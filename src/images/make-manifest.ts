import type { Digest } from "../formats/digest.ts";
import { digestOf } from "../formats/digest.ts";
import { type Descriptor, type Manifest, mediaTypes } from "../formats/oci-manifest.ts";
import { compressionOf } from "../trees/decompress.ts";
import type { BlobStore } from "./store/blobs.ts";
import type { ImageCatalog, ImageRecord } from "./store/catalog.ts";
import type { ImageContent } from "./store/kinds.ts";
import type { OnUnpacked } from "./unpack-content.ts";

/** A manifest that is made here. */
export interface MadeManifest {
  descriptor: Descriptor;
  text: string;
  layers: Descriptor[];
}

/** The manifest of an image that came with none: the same config and layers always give the same one. The blobs are in the store. */
export async function makeManifest(
  blobs: BlobStore,
  config: Digest,
  layers: readonly Descriptor[],
  annotations: Record<string, string> = {},
): Promise<MadeManifest> {
  const manifest: Manifest & { mediaType: string; annotations?: Record<string, string> } = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: { mediaType: mediaTypes.config, digest: config, size: await blobs.getSizeBytes(config) },
    layers: await Promise.all(layers.map((layer) => describeLayer(blobs, layer))),
    ...(Object.keys(annotations).length > 0 && { annotations }),
  };
  const text = JSON.stringify(manifest);
  const size = Buffer.byteLength(text);
  return {
    descriptor: { mediaType: manifest.mediaType, digest: digestOf(text), size },
    text,
    layers: manifest.layers,
  };
}

/** What it is, whatever it was called. */
async function describeLayer(blobs: BlobStore, { digest, size }: Descriptor): Promise<Descriptor> {
  const compression = blobs.isWhole(digest) ? await compressionOf(blobs.path(digest)) : "none";
  if (compression === "gzip") return { mediaType: mediaTypes.gzipLayer, digest, size };
  return { mediaType: compression === "zstd" ? mediaTypes.zstdLayer : mediaTypes.layer, digest, size };
}

export interface ManifestlessImage extends Pick<ImageContent, "blobs" | "packed"> {
  config: Digest;
  parent?: string;
  annotations?: Record<string, string>;
  /** Who has it here for a while only. */
  holder?: symbol | undefined;
}

/** Adds an image by a manifest that is made for it. Config and layers are in the store, and protected. @throws invalid */
export async function addMadeImage(
  { blobs, catalog }: { blobs: BlobStore; catalog: ImageCatalog },
  { config, blobs: layers, packed, parent, annotations, holder }: ManifestlessImage,
  onUnpacked?: OnUnpacked,
): Promise<ImageRecord> {
  const made = await makeManifest(blobs, config, layers, annotations);
  const { descriptor } = made;
  return catalog.protect([descriptor.digest], async () => {
    await blobs.put(made.text);
    const content = { config, blobs: made.layers, origin: "made" as const, ...(packed && { packed }) };
    const manifests = [{ descriptor, kind: "image" as const, content }];
    const source = { target: descriptor, indexes: [], manifests, ...(parent && { parent }), holder };
    return catalog.add(source, onUnpacked);
  });
}
