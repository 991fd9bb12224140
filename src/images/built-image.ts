import { conflict, invalid } from "../errors.ts";
import { type Digest, digestOf } from "../formats/digest.ts";
import type { ImageConfig } from "../formats/image-config.ts";
import { type Descriptor, mediaTypes } from "../formats/oci-manifest.ts";
import { addMadeImage } from "./make-manifest.ts";
import { tagImage } from "./names.ts";
import { type ImageRoom, publishImage } from "./room.ts";
import type { ImageRecord } from "./store/catalog.ts";
import type { ImageContent } from "./store/kinds.ts";

/** An image whose layers are all here. */
export interface BuiltImage {
  /** Its `rootfs` is filled in. */
  config: ImageConfig;
  /** chainIDs, base first; something else holds them. */
  layers: readonly string[];
  /** The image whose layers are the first of them. */
  base?: ImageContent;
  /** Names with tags; none for an image without a name. */
  names: readonly string[];
}

/** @throws EngineError notFound for a layer that is not here; invalid for a bad name */
export async function addBuiltImage(room: ImageRoom, built: BuiltImage): Promise<ImageRecord> {
  const { blobs, catalog, layers } = room;
  const { base, config } = built;
  const diffIds = built.layers.map((chainId) => {
    const layer = layers.find(chainId);
    if (!layer) throw invalid(`layer ${chainId} is missing`);
    return layer.diffId;
  });
  const text = JSON.stringify({ ...config, rootfs: { type: "layers", diff_ids: diffIds } });
  const below = base?.blobs ?? [];
  for (const { digest } of below)
    if (!blobs.has(digest)) throw conflict("the base image was removed while the build ran: build again");
  const above: Descriptor[] = await Promise.all(
    diffIds.slice(below.length).map(async (digest) => ({
      mediaType: mediaTypes.layer,
      digest,
      size: await blobs.getSizeBytes(digest),
    })),
  );
  const packed = base?.packed ?? [];
  const kept: Digest[] = [...below, ...above, ...packed.map(({ to }) => to)].map(({ digest }) => digest);
  const image = await catalog.protect([...kept, ...built.layers, digestOf(text)], async () =>
    addMadeImage(
      { blobs, catalog },
      { config: await blobs.put(text), blobs: [...below, ...above], ...(packed.length > 0 && { packed }) },
    ),
  );
  for (const name of built.names) tagImage(room, image, name);
  publishImage(room, "build", image.id);
  return catalog.get(image.id);
}
