import type { Digest } from "../../formats/digest.ts";
import type { Descriptor } from "../../formats/oci-manifest.ts";
import type { Logger } from "../../logger.ts";
import type { Records } from "../../state/state.ts";
import { layersOf } from "../image-index.ts";
import type { ImageRecord } from "./kinds.ts";
import type { Layers } from "./layers.ts";

/** All that are stored. Those whose layers are missing are dropped. */
export function loadImages(
  records: Records<ImageRecord>,
  layers: Layers,
  logger: Logger,
): Map<string, ImageRecord> {
  const images = records.load();
  for (const [id, image] of images) {
    if (layersOf(image).every((chainId) => layers.find(chainId))) continue;
    logger.error({ image: id }, "image dropped: its layers are missing");
    images.delete(id);
    records.delete(id);
  }
  return images;
}

/**
 * Notes what a blob that is not compressed was compressed to, for later pushes.
 * @param replaces also where something else is known
 * @returns the image itself when that says nothing new of it
 */
export function withPacked(image: ImageRecord, from: Digest, to: Descriptor, replaces: boolean): ImageRecord {
  let hasChanged = false;
  const manifests = image.manifests.map((manifest) => {
    const { content } = manifest;
    if (!content || content.origin === "received") return manifest;
    const known = content.packed?.find((one) => one.from === from);
    const isKnown = known !== undefined && (!replaces || known.to.digest === to.digest);
    if (isKnown || !content.blobs.some(({ digest }) => digest === from)) return manifest;
    hasChanged = true;
    const others = (content.packed ?? []).filter((one) => one !== known);
    return { ...manifest, content: { ...content, packed: [...others, { from, to }] } };
  });
  return hasChanged ? { ...image, manifests } : image;
}

/** The image with nothing else of these manifests than that it lists them. */
export function withoutContent(image: ImageRecord, digests: ReadonlySet<string>): ImageRecord {
  const manifests = image.manifests.map((manifest) => {
    const { descriptor, kind } = manifest;
    return digests.has(descriptor.digest) ? { descriptor, kind } : manifest;
  });
  return { ...image, manifests };
}
