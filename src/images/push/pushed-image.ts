import { invalid } from "../../errors.ts";
import type { Compression } from "../../formats/compression.ts";
import type { Digest } from "../../formats/digest.ts";
import { isObject } from "../../formats/json.ts";
import { type Descriptor, isIndex, mediaTypes, parseManifest } from "../../formats/oci-manifest.ts";
import { type Reference, repositoryOf } from "../../formats/reference.ts";
import { compressionOf } from "../../trees/decompress.ts";
import { findBlob } from "../blob-source.ts";
import { blobsOf } from "../image-index.ts";
import type { ImageJobs } from "../jobs.ts";
import type { PresentManifest } from "../select-manifest.ts";
import type { BlobStore, SpooledBlob } from "../store/blobs.ts";
import type { ImageCatalog } from "../store/catalog.ts";
import type { ImageContent } from "../store/kinds.ts";
import type { Layers } from "../store/layers.ts";
import type { LayerPacking } from "./compress-layer.ts";

/** What is wanted of the blobs of an image that was made here. */
export interface Packing {
  /** Undefined: what a layer was compressed to before, or else gzip. */
  layers?: LayerPacking;
  /** Also of layers that are compressed otherwise; they stay as they are without. */
  isForced?: boolean;
  /** Whether media types are OCI's or Docker's; undefined: as Docker pushes it. */
  isOci?: boolean;
  /**
   * What becomes known of layers that were plain: "own" for later pushes of this image, in place of what they were compressed to before;
   * "shared" for those of all images that know nothing else. Undefined: nothing.
   */
  remembers?: "own" | "shared";
}

/** A layer's blob as it is pushed. */
export interface PackedLayer {
  descriptor: Descriptor;
  /** What it was made of, and where it is until it is kept; absent for a blob that is pushed as it is. */
  made?: { from: Digest; wasPlain: boolean; spooled: SpooledBlob };
}

/** Blobs that are packed, each once, and what they come to. */
type Packs = Map<Digest, Promise<PackedLayer>>;

interface PackStore {
  blobs: BlobStore;
  layers: Layers;
  jobs: ImageJobs;
  catalog: ImageCatalog;
}

/**
 * Compresses the plain layers of an image that was made here, each once; one that came with a manifest is pushed as it is. What they
 * come to is in the store while `work` runs.
 */
export async function withPackedLayers<R>(
  store: PackStore,
  { id, manifests }: { id: string; manifests: readonly PresentManifest[] },
  packing: Packing,
  signal: AbortSignal,
  work: (packed: ReadonlyMap<PresentManifest, PackedLayer[]>) => Promise<R>,
): Promise<R> {
  const packs: Packs = new Map();
  try {
    const packed = new Map<PresentManifest, PackedLayer[]>();
    for (const manifest of manifests)
      packed.set(manifest, await packLayers(store, manifest.content, packs, packing, signal));
    const layers = await Promise.all(packs.values());
    const digests = layers.map(({ descriptor }) => descriptor.digest);
    return await store.catalog.protect(digests, async () => {
      await keepPacked(store, id, layers, packing.remembers);
      return work(packed);
    });
  } finally {
    await discardRest(store, packs);
  }
}

async function packLayers(
  store: PackStore,
  { blobs, origin, packed }: ImageContent,
  packs: Packs,
  packing: Packing,
  signal: AbortSignal,
): Promise<PackedLayer[]> {
  if (origin === "received") return [];
  const known = new Map(packed?.map(({ from, to }) => [from, to]));
  for (const blob of blobs)
    if (!packs.has(blob.digest))
      packs.set(blob.digest, packWanted(store, blob, known.get(blob.digest), packing, signal));
  await Promise.allSettled(packs.values());
  return Promise.all(blobs.map(({ digest }) => packs.get(digest)!));
}

/** Puts what was made into the store, for as long as it is protected. */
async function keepPacked(
  { blobs, catalog }: Pick<PackStore, "blobs" | "catalog">,
  id: string,
  packed: readonly PackedLayer[],
  remembers: Packing["remembers"],
): Promise<void> {
  for (const { descriptor, made } of packed) {
    if (made) await blobs.keep(made.spooled);
    // That a layer is to stay plain is known as well.
    const staysPlain = !made && descriptor.mediaType === mediaTypes.layer && remembers === "own";
    if (!remembers || !(made?.wasPlain || staysPlain)) continue;
    const from = made?.from ?? descriptor.digest;
    await catalog.keepPacked(from, asOci(descriptor), remembers === "own" ? id : undefined);
  }
}

/** Files of which nothing was kept; of those that were nothing is left there. */
async function discardRest({ blobs }: Pick<PackStore, "blobs">, packs: Packs): Promise<void> {
  for (const outcome of await Promise.allSettled(packs.values()))
    if (outcome.status === "fulfilled" && outcome.value.made) await blobs.discard(outcome.value.made.spooled);
}

/** The manifest that an image came with, to the letter; for one made here a manifest of its own. */
export async function describePush(
  blobs: BlobStore,
  { descriptor, content }: PresentManifest,
  packed: readonly PackedLayer[],
  isOci?: boolean,
): Promise<{ mediaType: string; text: string; descriptors: Descriptor[] }> {
  if (content.origin === "received") {
    const text = await blobs.readText(descriptor.digest);
    const manifest = parseManifest(text);
    if (isIndex(manifest))
      throw invalid(`invalid manifest ${descriptor.digest}: expected a manifest, got an index`);
    return { mediaType: descriptor.mediaType, text, descriptors: manifest.layers };
  }
  const descriptors = packed.map(({ descriptor }) => descriptor);
  const isDocker = isOci === undefined ? descriptors.every(isDockerLayer) : !isOci;
  const config = {
    mediaType: isDocker ? mediaTypes.dockerConfig : mediaTypes.config,
    digest: content.configDigest,
    size: await blobs.getSizeBytes(content.configDigest),
  };
  const mediaType = isDocker ? mediaTypes.dockerManifest : mediaTypes.manifest;
  const layers = descriptors.map(isDocker ? asDocker : asOci);
  const annotations = content.origin === "made" ? await annotationsOf(blobs, descriptor.digest) : undefined;
  const manifest = { schemaVersion: 2, mediaType, config, layers, ...(annotations && { annotations }) };
  // As Docker writes it: the same image pushed by either has the same digest more often than not.
  return { mediaType, text: JSON.stringify(manifest, undefined, 3), descriptors };
}

/** `parseManifest` leaves them out: nothing else asks for them. */
export async function annotationsOf(
  blobs: BlobStore,
  digest: Digest,
): Promise<Record<string, string> | undefined> {
  const { annotations } = JSON.parse(await blobs.readText(digest)) as { annotations?: unknown };
  return isObject(annotations) ? (annotations as Record<string, string>) : undefined;
}

/** @param before what it was compressed to for an earlier push */
async function packWanted(
  store: PackStore,
  blob: Descriptor,
  before: Descriptor | undefined,
  { layers: wanted, isForced = false }: Packing,
  signal: AbortSignal,
): Promise<PackedLayer> {
  const present = await packingOf(store, blob.digest);
  if (!wanted) {
    if (before) return asItIs(before, await packingOf(store, before.digest));
    return present === "gzip" || present === "zstd"
      ? asItIs(blob, present)
      : pack(store, blob, { type: "gzip" }, true, signal);
  }
  if (present === wanted.type || (present !== "none" && !isForced)) return asItIs(blob, present);
  const isSame = before && (await packingOf(store, before.digest)) === wanted.type;
  if (isSame && !("level" in wanted)) return asItIs(before, wanted.type);
  return pack(store, blob, wanted, present === "none", signal);
}

async function packingOf({ blobs, layers }: PackStore, digest: Digest): Promise<Compression> {
  const source = findBlob({ blobs, layers }, digest);
  return "path" in source ? compressionOf(source.path) : "none";
}

/** The blob with the type of what is in it, whatever it was called. */
const asItIs = ({ digest, size }: Descriptor, compression: Compression): PackedLayer => ({
  descriptor: { mediaType: layerType(compression), digest, size },
});

async function pack(
  { blobs, layers, jobs }: PackStore,
  { digest: from }: Descriptor,
  packing: LayerPacking,
  wasPlain: boolean,
  signal: AbortSignal,
): Promise<PackedLayer> {
  const source = findBlob({ blobs, layers }, from);
  const spooled = await jobs.compress(source, blobs.temporaryPath(), signal, packing);
  const { digest, sizeBytes: size } = spooled;
  return {
    descriptor: { mediaType: layerType(packing.type), digest, size },
    made: { from, wasPlain, spooled },
  };
}

function layerType(compression: Compression): string {
  if (compression === "gzip") return mediaTypes.dockerLayer;
  return compression === "zstd" ? mediaTypes.zstdLayer : mediaTypes.layer;
}

const typePairs: [oci: string, docker: string][] = [
  [mediaTypes.gzipLayer, mediaTypes.dockerLayer],
  [mediaTypes.zstdLayer, mediaTypes.dockerZstdLayer],
  [mediaTypes.layer, mediaTypes.dockerPlainLayer],
];
const isDockerLayer = ({ mediaType }: Descriptor) => mediaType === mediaTypes.dockerLayer;

export function asOci(descriptor: Descriptor): Descriptor {
  const pair = typePairs.find(([, docker]) => docker === descriptor.mediaType);
  return pair ? { ...descriptor, mediaType: pair[0] } : descriptor;
}

function asDocker(descriptor: Descriptor): Descriptor {
  const pair = typePairs.find(([oci]) => oci === descriptor.mediaType);
  return pair ? { ...descriptor, mediaType: pair[1] } : descriptor;
}

/** Other repositories of a registry that are known to have a blob, since an image with it was pulled from or pushed to them. */
export function findMountSources(
  catalog: ImageCatalog,
  target: Reference,
  digests: ReadonlySet<Digest>,
): ReadonlyMap<Digest, ReadonlySet<string>> {
  const sources = new Map<Digest, Set<string>>();
  for (const image of catalog.images.values()) {
    const paths = catalog.references
      .of(image.id)
      .filter((reference) => reference.digest && reference.domain === target.domain)
      .filter((reference) => repositoryOf(reference) !== repositoryOf(target))
      .map(({ path }) => path);
    if (paths.length === 0) continue;
    for (const digest of blobsOf(image)) {
      if (!digests.has(digest)) continue;
      sources.set(digest, new Set([...(sources.get(digest) ?? []), ...paths]));
    }
  }
  return sources;
}
