import { type Digest, digestOf } from "../formats/digest.ts";
import type { ContainerConfig } from "../formats/docker-api.ts";
import type { ImageConfig, ImageHistoryEntry } from "../formats/image-config.ts";
import { mediaTypes } from "../formats/oci-manifest.ts";
import type { Blobs, SpooledBlob } from "./blobs.ts";
import type { Catalog, ImageRecord } from "./catalog.ts";

export interface LayerSettings {
  parent?: ImageRecord;
  os: string;
  architecture: string;
  variant?: string;
  author?: string;
  comment?: string;
  container?: string;
  config: Partial<ContainerConfig>;
  /** The history entry of this layer; `created` is also the image's. */
  entry: ImageHistoryEntry & { created: string };
}

/** Adds an image: the parent's layers with one more on top, which is spooled and gone from there afterwards. */
export async function addLayer(
  { blobs, catalog }: { blobs: Blobs; catalog: Catalog },
  layer: SpooledBlob,
  diffId: Digest,
  settings: LayerSettings,
): Promise<ImageRecord> {
  const { parent, entry, os, architecture, variant, author, comment, container, config } = settings;
  const document: ImageConfig = {
    architecture,
    ...(variant && { variant }),
    os,
    created: entry.created,
    ...(author && { author }),
    ...(comment && { comment }),
    ...(container && { container }),
    config,
    rootfs: { type: "layers", diff_ids: [...(parent?.config.rootfs.diff_ids ?? []), diffId] },
    history: [...(parent?.config.history ?? []), entry],
  };
  const text = JSON.stringify(document);
  const below = parent ? parent.blobs.map(({ digest }) => digest) : [];
  return catalog.protect([...below, ...(parent?.layers ?? []), layer.digest, digestOf(text)], async () => {
    await blobs.keep(layer);
    const id = await blobs.put(text);
    return catalog.add({
      config: id,
      blobs: [
        ...(parent?.blobs ?? []),
        { mediaType: mediaTypes.layer, digest: layer.digest, size: layer.sizeBytes },
      ],
      ...(parent && { parent: parent.id }),
    });
  });
}
