import { mergeImage } from "../merge-image.ts";
import { type ContentSource, type OnUnpacked, unpackContent } from "../unpack-content.ts";
import type { BlobStore } from "./blobs.ts";
import type { ImageRecord, ManifestRecord } from "./kinds.ts";
import type { Layers } from "./layers.ts";

/** A manifest, with what it names as far as that is here. */
export type ManifestSource = Omit<ManifestRecord, "content"> & { content?: ContentSource };

/** What an image is made of; the blobs are in the store. */
export interface ImageSource extends Pick<ImageRecord, "target" | "indexes"> {
  manifests: ManifestSource[];
  parent?: string;
  /** Who has it here for a while only. */
  holder?: symbol | undefined;
}

const never = "0001-01-01T00:00:00Z";

/**
 * Unpacks what is not there yet.
 * @param find asked when all is unpacked: others may have made the same image meanwhile
 * @returns the image's record, with what was known of it before
 */
export async function unpackImage(
  store: { blobs: BlobStore; layers: Layers },
  { parent = "", target, indexes, manifests: sources }: ImageSource,
  find: (id: string) => ImageRecord | undefined,
  onUnpacked?: OnUnpacked,
): Promise<{ image: ImageRecord; known: ImageRecord | undefined }> {
  const manifests: ManifestRecord[] = [];
  // One after the other: what fails leaves no work behind.
  for (const { content, ...manifest } of sources) {
    const unpacked = content && (await unpackContent(content, store, onUnpacked));
    manifests.push({ ...manifest, ...(unpacked && { content: unpacked }) });
  }
  const id = target.digest;
  // As its shape has it, so that the next daemon takes it as it was stored.
  const fresh = { id, target, indexes, manifests, lastTagTime: never, parent };
  const known = find(id);
  return { image: known ? mergeImage(known, fresh) : fresh, known };
}
