import { notFound } from "../../errors.ts";
import type { Digest } from "../../formats/digest.ts";
import type { Descriptor } from "../../formats/oci-manifest.ts";
import type { Reference } from "../../formats/reference.ts";
import type { Logger } from "../../logger.ts";
import type { State } from "../../state/state.ts";
import { blobsOf, createImageIndex, layersOf } from "../image-index.ts";
import type { ImageJobs } from "../jobs.ts";
import type { OnUnpacked } from "../unpack-content.ts";
import { type ImageSource, unpackImage } from "./add-image.ts";
import type { BlobStore } from "./blobs.ts";
import { findImage, getImage } from "./find-image.ts";
import { type Held, type Holds, openHolds } from "./holds.ts";
import { loadImages, withoutContent, withPacked } from "./image-records.ts";
import { type ImageRecord, imageKind } from "./kinds.ts";
import type { Layers } from "./layers.ts";
import { createNeeds, type Needs } from "./needs.ts";
import { openReferences, type References } from "./references.ts";
import { createTemporaries } from "./temporaries.ts";

export type { ImageSource, ManifestSource } from "./add-image.ts";
export type { ImageRecord } from "./kinds.ts";

/** Which images there are, what they are called and what they need. In memory, written through. */
export interface ImageCatalog {
  readonly images: ReadonlyMap<string, ImageRecord>;
  find(name: string): ImageRecord | undefined;
  /** @throws notFound, invalid, in Docker's wording */
  get(name: string): ImageRecord;
  /** Grows with each change of images and names: as long as it is the same, a name means the same image. */
  changes(): number;
  readonly references: Pick<References, "find" | "of" | "inRepository" | "tagsOf" | "remove">;
  /** Gives an image a name, taking it from another. @throws notFound */
  name(reference: Reference, id: string): void;
  /** The same, and remembers when: a user has asked for it. @throws notFound */
  tag(reference: Reference, id: string): void;
  /** The image that it was committed from. */
  setParent(id: string, parent: string): void;
  /** Unpacks what is not there yet and records the image; one that is there already gets what it lacks. @throws invalid */
  add(source: ImageSource, onUnpacked?: OnUnpacked): Promise<ImageRecord>;
  /** An image that was to be here for a while only stays. */
  keep(id: string): void;
  /** @returns images that were here for this holder of theirs alone, and have no name */
  letGo(holder: symbol): string[];
  /**
   * Keeps the compressed form of a layer's blob for later pushes of all images that are not pushed as they came, and know of no other.
   * @param id of one image alone, which forgets what it knew
   */
  keepPacked(from: Digest, to: Descriptor, id?: string): Promise<void>;
  /** Forgets what is here of some manifests of an image, and removes what nothing needs any more. At least one image stays. */
  forget(id: string, manifests: ReadonlySet<string>): Promise<void>;
  /** Forgets an image without names, and removes what nothing needs any more; returns the chainIDs removed, topmost first. */
  remove(id: string): Promise<string[]>;
  /** Layers and blobs, which may be in no image; instead of what the owner held. */
  holdLayers(owner: string, hold: Held): void;
  /** Whether anything, be it nothing, is held for an owner. */
  holds(owner: string): boolean;
  release(owner: string): Promise<void>;
  /** The chainIDs that an owner holds, base first. */
  held(owner: string): readonly string[];
  /** All owners that layers are held for, with a name that begins so; without it, those whose name has no slash: containers. */
  owners(prefix?: string): string[];
  /** Whether an image, a hold or work under way needs it now. */
  needsBlob(digest: string): boolean;
  needsLayer(chainId: string): boolean;
  /** How many images were committed from an image. */
  childrenOf(id: string): number;
  /** How many images have a layer. */
  imagesWithLayer(chainId: string): number;
  /** Removes all blobs and layers that nothing needs, and what a layer has twice: what a crash left. */
  sweep(): Promise<void>;
  /** Whether work under way is bringing it here, reads it, or has it for a while. */
  isProtected(image: ImageRecord): boolean;
  /** Keeps blobs and layers that no image has yet from being removed while `work` runs; then removes those left unused. */
  protect<T>(digests: readonly string[], work: () => Promise<T>): Promise<T>;
}

interface CatalogOptions {
  blobs: BlobStore;
  layers: Layers;
  jobs: ImageJobs;
}

export function openImageCatalog(state: State, store: CatalogOptions, logger: Logger): ImageCatalog {
  const records = state.records(imageKind);
  const index = createImageIndex(loadImages(records, store.layers, logger));
  const { images } = index;
  const references = openReferences(state, (id) => images.has(id));
  const holds = openHolds(state);
  const temporaries = createTemporaries();
  const needs = createNeeds({ ...store, index, holds, logger });

  function put(image: ImageRecord): void {
    records.put(image.id, image);
    index.set(image);
  }

  function putAll(changed: readonly ImageRecord[]): void {
    state.transaction(() => {
      for (const image of changed) records.put(image.id, image);
    });
    for (const image of changed) index.set(image);
  }

  return {
    images,
    find: (name) => findImage({ images, references }, name),
    get: (name) => getImage({ images, references }, name),
    changes: () => index.changes() + references.changes(),
    references,
    name: (reference, id) => references.set(reference, getRecord(images, id).id),
    tag(reference, id) {
      temporaries.keep(id);
      const tagged = { ...getRecord(images, id), lastTagTime: new Date().toISOString() };
      references.set(reference, id, () => records.put(id, tagged));
      index.set(tagged);
    },
    setParent(id, parent) {
      const image = images.get(id);
      if (image && image.parent !== parent) put({ ...image, parent });
    },
    childrenOf: index.children.of,
    imagesWithLayer: index.layers.of,
    async add(source, onUnpacked) {
      const { image, known } = await unpackImage(store, source, (id) => images.get(id), onUnpacked);
      put(image);
      if (source.holder) temporaries.add(image.id, source.holder, known === undefined);
      else temporaries.keep(image.id);
      if (known) await needs.collect(blobsOf(known), []);
      return image;
    },
    keep: temporaries.keep,
    letGo: (holder) =>
      temporaries.letGo(holder).filter((id) => images.has(id) && references.of(id).length === 0),
    async keepPacked(from, to, id) {
      // It may have been removed meanwhile.
      const wanted = [...images.values()].filter((image) => id === undefined || image.id === id);
      const changed = wanted.map((image) => withPacked(image, from, to, id !== undefined));
      putAll(changed.filter((image, at) => image !== wanted[at]));
      // What they were compressed to before is of no more use.
      if (id !== undefined) await needs.collect(wanted.flatMap(blobsOf), []);
    },
    async forget(id, manifests) {
      const image = getRecord(images, id);
      put(withoutContent(image, manifests));
      await needs.collect(blobsOf(image), layersOf(image));
    },
    async remove(id) {
      const image = images.get(id);
      if (!image) return [];
      records.delete(id);
      index.delete(id);
      return needs.collect(blobsOf(image), layersOf(image));
    },
    sweep: needs.sweep,
    ...createOwners(holds, needs),
    needsBlob: needs.needsBlob,
    needsLayer: needs.needsLayer,
    protect: needs.protect,
    isProtected: (image) => needs.isProtected(image) || temporaries.has(image.id),
  };
}

/** Of layers and blobs that are held. */
function createOwners(
  holds: Holds,
  { collect }: Needs,
): Pick<ImageCatalog, "held" | "holdLayers" | "holds" | "owners" | "release"> {
  return {
    held: holds.of,
    holdLayers: holds.put,
    holds: holds.has,
    owners: (prefix) => holds.owners().filter((owner) => isOwnerOf(owner, prefix)),
    async release(owner) {
      const { layers, blobs } = holds.remove(owner);
      await collect(blobs, layers);
    },
  };
}

function isOwnerOf(owner: string, prefix: string | undefined): boolean {
  return prefix === undefined ? !owner.includes("/") : owner.startsWith(prefix);
}

function getRecord(images: ImageCatalog["images"], id: string): ImageRecord {
  const image = images.get(id);
  if (!image) throw notFound(`No such image: ${id}`);
  return image;
}
