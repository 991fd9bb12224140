import { EngineError, invalid, notFound } from "../errors.ts";
import { type Digest, isDigest } from "../formats/digest.ts";
import { type ImageConfig, parseImageConfig } from "../formats/image-config.ts";
import type { Descriptor } from "../formats/oci-manifest.ts";
import { formatFamiliar, parseReference, type Reference, withDefaultTag } from "../formats/reference.ts";
import type { Logger } from "../logger.ts";
import type { State } from "../state/state.ts";
import type { Blobs } from "./blobs.ts";
import { openHolds } from "./holds.ts";
import type { Layers } from "./layers.ts";
import { openReferences, type References } from "./references.ts";

export interface ImageRecord {
  /** `sha256:…` of the config blob. */
  id: string;
  config: ImageConfig;
  /** chainIDs, base first. */
  layers: string[];
  /** Sum of the layers' file content, unpacked. */
  sizeBytes: number;
  /** RFC 3339; the zero time for an image that never had a tag. */
  lastTagTime: string;
  /** The layers' blobs as they were received, base first. */
  blobs: Descriptor[];
  /** The manifest it came with, as it was received. */
  manifest?: Descriptor;
  /** The image it was committed from; "" when unknown. */
  parent: string;
}

/** What an image is made of; the blobs are in the store. */
export interface ImageSource {
  config: Digest;
  blobs: Descriptor[];
  manifest?: Descriptor;
  parent?: string;
}

/** Which images there are, what they are called and what they need. In memory, written through. */
export interface Catalog {
  readonly images: ReadonlyMap<string, ImageRecord>;
  find(name: string): ImageRecord | undefined;
  /** @throws notFound, invalid, in Docker's wording */
  get(name: string): ImageRecord;
  readonly references: Pick<References, "find" | "of" | "tagsOf" | "remove">;
  /** Gives an image a name, taking it from another. @throws notFound */
  name(reference: Reference, id: string): void;
  /** Unpacks what is not there yet, telling of each layer, and records the image; one that is there already stays as it is. @throws invalid */
  add(source: ImageSource, onUnpacked?: (layer: Descriptor, diffId: Digest) => void): Promise<ImageRecord>;
  /** Puts another packing of a layer into the place of one, for all images but those whose manifest names it. */
  replaceBlob(from: Digest, to: Descriptor): Promise<void>;
  /** Forgets an image without names, and removes what nothing needs any more; returns the chainIDs removed, topmost first. */
  remove(id: string): Promise<string[]>;
  hold(id: string, owner: string): void;
  release(owner: string): Promise<void>;
  /** The chainIDs that an owner holds, base first. */
  held(owner: string): readonly string[];
  /** Everybody for whom layers are held. */
  owners(): string[];
  /** Digests and chainIDs that images, holds and work under way need now. */
  inUse(): { blobs: ReadonlySet<string>; layers: ReadonlySet<string> };
  /** Removes all blobs and layers that nothing needs: what a crash left. */
  sweep(): Promise<void>;
  /** Keeps blobs and layers that no image has yet from being removed while `work` runs; then removes those left unused. */
  protect<T>(digests: readonly string[], work: () => Promise<T>): Promise<T>;
}

/** As many as fit into the options of one overlay mount. */
export const layerLimit = 127;
const never = "0001-01-01T00:00:00Z";

export function openCatalog(state: State, blobs: Blobs, layers: Layers, logger: Logger): Catalog {
  const imageRecords = state.records<ImageRecord>("images");
  const images = imageRecords.load();
  for (const [key, image] of images) {
    if (isIntact(image) && image.layers.every((chainId) => layers.find(chainId))) continue;
    logger.error({ image: key }, "image dropped: its record is damaged or its layers are missing");
    images.delete(key);
    imageRecords.delete(key);
  }
  const references = openReferences(state, (id) => images.has(id));
  const holds = openHolds(state);
  const protectedNow = new Map<string, number>();

  function usedBlobs(): Set<string> {
    const used = new Set<string>(protectedNow.keys());
    for (const image of images.values()) for (const digest of blobsOf(image)) used.add(digest);
    return used;
  }

  function usedLayers(): Set<string> {
    const used = new Set<string>(protectedNow.keys());
    for (const image of images.values()) for (const chainId of image.layers) used.add(chainId);
    for (const chainId of holds.layers()) used.add(chainId);
    return used;
  }

  /**
   * Removes those of these blobs and layers that nothing needs now; returns the chainIDs removed, topmost first. All are
   * out of the store before it first waits: what needs them from then on makes them anew.
   */
  async function collect(digests: Iterable<string>, chains: readonly string[]): Promise<string[]> {
    const [keptBlobs, keptLayers] = [usedBlobs(), usedLayers()];
    const goneLayers = chains.filter((chainId) => !keptLayers.has(chainId) && layers.find(chainId));
    const goneBlobs = [...digests].filter(isDigest).filter((digest) => !keptBlobs.has(digest));
    await Promise.all([layers.remove(goneLayers), ...goneBlobs.map((digest) => blobs.remove(digest))]);
    return goneLayers.reverse();
  }

  function find(name: string): ImageRecord | undefined {
    try {
      return lookUp(name);
    } catch (error) {
      if (error instanceof EngineError) return undefined;
      throw error;
    }
  }

  function lookUp(name: string): ImageRecord | undefined {
    if (isDigest(name)) return images.get(name);
    if (/^[0-9a-f]{64}$/.test(name)) return images.get(`sha256:${name}`);
    const known = references.find(parseReference(name));
    return known ? images.get(known) : findByPrefix(name);
  }

  function findByPrefix(name: string): ImageRecord | undefined {
    const prefix = name.startsWith("sha256:") ? name : `sha256:${name}`;
    if (!/^sha256:[0-9a-f]+$/.test(prefix)) return undefined;
    const matches = [...images.values()].filter(({ id }) => id.startsWith(prefix));
    return matches.length === 1 ? matches[0] : undefined;
  }

  async function add(
    source: ImageSource,
    onUnpacked?: (layer: Descriptor, diffId: Digest) => void,
  ): Promise<ImageRecord> {
    const config = parseImageConfig(await blobs.readText(source.config));
    const diffIds = config.rootfs.diff_ids;
    if (diffIds.length !== source.blobs.length) {
      throw invalid(
        `invalid manifest, layers length mismatch: expected ${diffIds.length}, got ${source.blobs.length}`,
      );
    }
    if (diffIds.length > layerLimit) throw invalid("max depth exceeded");
    const unpacked = await layers.unpack(
      source.blobs.map(({ digest }, index) => ({
        diffId: diffIds[index] as Digest,
        blobPath: blobs.path(digest),
        blobDigest: digest,
      })),
      ({ blobDigest, diffId }) => {
        const layer = source.blobs.find(({ digest }) => digest === blobDigest);
        if (layer) onUnpacked?.(layer, diffId);
      },
    );
    const known = images.get(source.config);
    const isBetterKnown = known && (known.manifest || !source.manifest);
    const image: ImageRecord = isBetterKnown
      ? known
      : {
          id: source.config,
          config,
          layers: unpacked.map(({ chainId }) => chainId),
          sizeBytes: unpacked.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
          lastTagTime: known?.lastTagTime ?? never,
          blobs: source.blobs,
          ...(source.manifest && { manifest: source.manifest }),
          parent: known?.parent ?? source.parent ?? "",
        };
    images.set(image.id, image);
    imageRecords.put(image.id, image);
    if (known && !isBetterKnown) await collect(blobsOf(known), []);
    return image;
  }

  return {
    images,
    find,
    get(name) {
      const image = lookUp(name);
      if (image) return image;
      const shown = isDigest(name) || /^[0-9a-f]{64}$/.test(name) ? name : familiarOf(name);
      throw notFound(`No such image: ${shown}`);
    },
    references,
    name(reference, id) {
      const image = images.get(id);
      if (!image) throw notFound(`No such image: ${id}`);
      const tagged = { ...image, lastTagTime: new Date().toISOString() };
      state.transaction(() => {
        references.set(reference, id);
        imageRecords.put(id, tagged);
      });
      images.set(id, tagged);
    },
    add,
    async replaceBlob(from, to) {
      state.transaction(() => {
        for (const image of images.values()) {
          if (image.manifest || !image.blobs.some(({ digest }) => digest === from)) continue;
          const changed = { ...image, blobs: image.blobs.map((blob) => (blob.digest === from ? to : blob)) };
          imageRecords.put(image.id, changed);
          images.set(image.id, changed);
        }
      });
      await collect([from], []);
    },
    async remove(id) {
      const image = images.get(id);
      if (!image) return [];
      imageRecords.delete(id);
      images.delete(id);
      return collect(blobsOf(image), image.layers);
    },
    hold(id, owner) {
      const image = images.get(id);
      if (!image) throw notFound(`No such image: ${id}`);
      holds.add(owner, image.layers);
    },
    async release(owner) {
      await collect([], holds.remove(owner));
    },
    async sweep() {
      const kept = usedBlobs();
      blobs.sweep((digest) => kept.has(digest));
      await collect(
        [],
        [...layers.all()].map(({ chainId }) => chainId),
      );
    },
    held: holds.of,
    owners: holds.owners,
    inUse: () => ({ blobs: usedBlobs(), layers: usedLayers() }),
    async protect(digests, work) {
      for (const digest of digests) protectedNow.set(digest, (protectedNow.get(digest) ?? 0) + 1);
      try {
        return await work();
      } finally {
        for (const digest of digests) {
          const count = protectedNow.get(digest) ?? 0;
          if (count > 1) protectedNow.set(digest, count - 1);
          else protectedNow.delete(digest);
        }
        await collect(digests, digests);
      }
    },
  };
}

/** Everything in the blob store that an image needs. */
function blobsOf(image: ImageRecord): string[] {
  return [
    image.id,
    ...image.blobs.map(({ digest }) => digest),
    ...(image.manifest ? [image.manifest.digest] : []),
  ];
}

/** Stored by another version, or by a hand. */
function isIntact({ id, config, layers, blobs }: Partial<ImageRecord>): boolean {
  return (
    typeof id === "string" &&
    Array.isArray(config?.rootfs?.diff_ids) &&
    Array.isArray(layers) &&
    Array.isArray(blobs)
  );
}

function familiarOf(name: string): string {
  return formatFamiliar(withDefaultTag(parseReference(name)));
}
