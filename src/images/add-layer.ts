import { chainIds, type Digest, digestOf } from "../formats/digest.ts";
import type { ContainerConfig } from "../formats/docker-api/docker-api.ts";
import type { ImageConfig, ImageHistoryEntry } from "../formats/image-config.ts";
import { mediaTypes } from "../formats/oci-manifest.ts";
import type { ContentBelow } from "./held-layers.ts";
import { addMadeImage } from "./make-manifest.ts";
import type { BlobStore } from "./store/blobs.ts";
import type { ImageCatalog, ImageRecord } from "./store/catalog.ts";

export interface LayerSettings {
  /** What is below, and the image that has it. */
  below?: ContentBelow;
  parent?: string;
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

/** A layer that is not in the store yet. */
export interface NewLayer {
  diffId: Digest;
  archiveBytes: number;
  /** Puts it, or its archive, into the store; nothing there is removed meanwhile. */
  keep(chainId: Digest): Promise<unknown>;
}

/** Adds an image: the parent's layers with one more on top. @param onAdded names it, before anything can remove it */
export async function addLayer(
  { blobs, catalog }: { blobs: BlobStore; catalog: ImageCatalog },
  { diffId, archiveBytes, keep }: NewLayer,
  settings: LayerSettings,
  onAdded: (image: ImageRecord) => void,
): Promise<ImageRecord> {
  const { below, parent, entry, os, architecture, variant, author, comment, container, config } = settings;
  const document: ImageConfig = {
    architecture,
    ...(variant && { variant }),
    os,
    created: entry.created,
    ...(author && { author }),
    ...(comment && { comment }),
    ...(container && { container }),
    config,
    rootfs: { type: "layers", diff_ids: [...(below?.config.rootfs.diff_ids ?? []), diffId] },
    history: [...(below?.config.history ?? []), entry],
  };
  const text = JSON.stringify(document);
  const packed = below?.packed ?? [];
  const kept = [...(below?.blobs ?? []), ...packed.map(({ to }) => to)].map(({ digest }) => digest);
  const chains = chainIds(document.rootfs.diff_ids);
  return catalog.protect([...kept, ...chains, diffId, digestOf(text)], async () => {
    await keep(chains.at(-1) as Digest);
    const layer = { mediaType: mediaTypes.layer, digest: diffId, size: archiveBytes };
    const image = await addMadeImage(
      { blobs, catalog },
      {
        config: await blobs.put(text),
        blobs: [...(below?.blobs ?? []), layer],
        ...(packed.length > 0 && { packed }),
        ...(parent && { parent }),
      },
    );
    onAdded(image);
    return image;
  });
}
