import { conflict, invalid } from "../errors.ts";
import { type Digest, digestOf } from "../formats/digest.ts";
import type { ImageConfig } from "../formats/image-config.ts";
import { type Descriptor, mediaTypes } from "../formats/oci-manifest.ts";
import { addMadeImage } from "./make-manifest.ts";
import { tagImage } from "./names.ts";
import { type ImageRoom, publishImage } from "./room.ts";
import type { ImageRecord } from "./store/catalog.ts";
import type { ImageContent } from "./store/kinds.ts";

/** What a builder made for one platform. */
export interface BuiltContent {
  /** Its `rootfs` is filled in. */
  config: ImageConfig;
  /** chainIDs, base first; something else holds them. */
  layers: readonly string[];
  /** The image whose layers are the first of them. */
  base?: ImageContent;
}

/** An image whose layers are all here. */
export interface BuiltImage extends BuiltContent {
  /** Names with tags; none for an image without a name. */
  names: readonly string[];
  /** Of its manifest. */
  annotations: Record<string, string>;
  /** Who has it here until `letGo`, unless it is wanted for longer by then. Without names. */
  holder?: symbol | undefined;
}

/** What its manifest will name. */
export interface PreparedContent extends Pick<ImageContent, "blobs" | "packed"> {
  /** The config's. */
  text: string;
  /** All that has to stay until the image is there. */
  needed: (Digest | string)[];
}

/** @throws EngineError invalid for a layer that is not here; conflict when the base is gone */
export async function prepareBuilt(
  { blobs, layers }: Pick<ImageRoom, "blobs" | "layers">,
  built: BuiltContent,
): Promise<PreparedContent> {
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
  return {
    ...{ text, blobs: [...below, ...above], needed: [...kept, ...built.layers, digestOf(text)] },
    ...(packed.length > 0 && { packed }),
  };
}

/** @throws EngineError notFound for a layer that is not here; invalid for a bad name */
export async function addBuiltImage(room: ImageRoom, built: BuiltImage): Promise<ImageRecord> {
  const { blobs, catalog } = room;
  const { text, needed, ...content } = await prepareBuilt(room, built);
  return catalog.protect(needed, async () => {
    const image = await addMadeImage(
      { blobs, catalog },
      { config: await blobs.put(text), ...content, holder: built.holder, annotations: built.annotations },
    );
    return publishBuilt(room, image, built.names);
  });
}

/** For an image that is protected still: pruning may remove one without a name. */
export function publishBuilt(room: ImageRoom, image: ImageRecord, names: readonly string[]): ImageRecord {
  for (const name of names) tagImage(room, image, name);
  publishImage(room, "build", image.id);
  return room.catalog.get(image.id);
}
