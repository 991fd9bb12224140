import { invalid } from "../errors.ts";
import type { Digest } from "../formats/digest.ts";
import { layerLimit, parseImageConfig } from "../formats/image-config.ts";
import type { Descriptor } from "../formats/oci-manifest.ts";
import type { BlobStore } from "./store/blobs.ts";
import type { ImageContent } from "./store/kinds.ts";
import type { Layers } from "./store/layers.ts";

/** What a manifest names, before it is unpacked; the blobs are in the store. */
export type ContentSource = Pick<ImageContent, "blobs" | "origin" | "packed"> & { config: Digest };

export type OnUnpacked = (layer: Descriptor, diffId: Digest) => void;

/** Unpacks those layers that are not there yet. @throws invalid for a config that does not fit them or cannot run here */
export async function unpackContent(
  { config: configDigest, blobs: packed, origin, packed: compressed }: ContentSource,
  { blobs, layers }: { blobs: BlobStore; layers: Layers },
  onUnpacked?: OnUnpacked,
): Promise<ImageContent> {
  const text = await blobs.readText(configDigest);
  const config = parseImageConfig(text);
  if (config.os === "windows") throw invalid("cannot load windows image on linux");
  const diffIds = config.rootfs.diff_ids;
  if (diffIds.length !== packed.length)
    throw invalid(
      `invalid manifest, layers length mismatch: expected ${diffIds.length}, got ${packed.length}`,
    );
  if (diffIds.length > layerLimit) throw invalid("max depth exceeded");
  const unpacked = await layers.unpack(
    packed.map(({ digest }, index) => ({ diffId: diffIds[index] as Digest, blobDigest: digest })),
    ({ blobDigest, diffId }) => {
      const layer = packed.find(({ digest }) => digest === blobDigest);
      if (layer) onUnpacked?.(layer, diffId);
    },
  );
  return {
    configDigest,
    configBytes: Buffer.byteLength(text),
    config,
    layers: unpacked.map(({ chainId }) => chainId),
    blobs: packed,
    sizeBytes: unpacked.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    origin,
    ...(compressed && { packed: compressed }),
  };
}
