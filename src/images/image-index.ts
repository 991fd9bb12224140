import type { Digest } from "../formats/digest.ts";
import type { ImageRecord } from "./store/kinds.ts";

/** Images by id, and counted as they come and go what would else be looked for in all of them. */
export interface ImageIndex {
  readonly images: ReadonlyMap<string, ImageRecord>;
  set(image: ImageRecord): void;
  delete(id: string): void;
  /** How often it has changed. */
  changes(): number;
  /** How many images need it. */
  blobs: Counts;
  layers: Counts;
  /** How many images were committed from an image. */
  children: Counts;
}

export interface Counts {
  of(key: string): number;
  keys(): Iterable<string>;
}

export function createImageIndex(stored: Map<string, ImageRecord>): ImageIndex {
  const images = stored;
  let changes = 0;
  const [blobs, layers, children] = [createCounts(), createCounts(), createCounts()];

  function count(image: ImageRecord, change: 1 | -1): void {
    for (const digest of blobsOf(image)) blobs.add(digest, change);
    for (const chainId of layersOf(image)) layers.add(chainId, change);
    if (image.parent) children.add(image.parent, change);
  }

  for (const image of images.values()) count(image, 1);

  function remove(id: string): void {
    const image = images.get(id);
    if (!image) return;
    changes++;
    count(image, -1);
    images.delete(id);
  }

  return {
    images,
    changes: () => changes,
    set(image) {
      changes++;
      const known = images.get(image.id);
      if (known) count(known, -1);
      count(image, 1);
      images.set(image.id, image);
    },
    delete: remove,
    blobs,
    layers,
    children,
  };
}

export function createCounts(): Counts & { add(key: string, change: number): void } {
  const counts = new Map<string, number>();
  return {
    of: (key) => counts.get(key) ?? 0,
    keys: () => counts.keys(),
    add(key, change) {
      const count = (counts.get(key) ?? 0) + change;
      if (count > 0) counts.set(key, count);
      else counts.delete(key);
    },
  };
}

/** Everything in the blob store that an image needs. */
export function blobsOf(image: ImageRecord): Digest[] {
  const digests = new Set<Digest>([image.target.digest]);
  for (const { digest } of image.indexes) digests.add(digest);
  for (const { descriptor, content, parts } of image.manifests) {
    if (!content && !parts) continue;
    digests.add(descriptor.digest);
    for (const { digest } of parts ?? []) digests.add(digest);
    if (!content) continue;
    digests.add(content.configDigest);
    for (const { digest } of content.blobs) digests.add(digest);
    for (const { to } of content.packed ?? []) digests.add(to.digest);
  }
  return [...digests];
}

/** The chainIDs of an image's layers, those for all platforms that are here. */
export function layersOf(image: ImageRecord): string[] {
  return [...new Set(image.manifests.flatMap(({ content }) => content?.layers ?? []))];
}
