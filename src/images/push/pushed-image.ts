import { invalid } from "../../errors.ts";
import type { Digest } from "../../formats/digest.ts";
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

/** A layer's blob as it is pushed. */
export interface PackedLayer {
  descriptor: Descriptor;
  /** What it was made of, and where it is until it is kept; absent for a blob that is pushed as it is. */
  made?: { from: Digest; spooled: SpooledBlob };
}

/**
 * Compresses the plain layers of an image that was made here, all at once and each once; one that came with a manifest is pushed as
 * it is. What was made is to be kept by `keepPacked`.
 */
export async function packLayers(
  store: { blobs: BlobStore; layers: Layers; jobs: ImageJobs },
  { blobs, origin, packed }: ImageContent,
  signal: AbortSignal,
): Promise<PackedLayer[]> {
  if (origin === "received") return [];
  const known = new Map(packed?.map(({ from, to }) => [from, to]));
  const packing = new Map<Digest, Promise<PackedLayer>>();
  for (const blob of blobs)
    if (!packing.has(blob.digest))
      packing.set(blob.digest, pack(store, known.get(blob.digest) ?? blob, signal));
  const outcomes = await Promise.allSettled(packing.values());
  const failure = outcomes.find(({ status }) => status === "rejected");
  if (!failure) return Promise.all(blobs.map(({ digest }) => packing.get(digest)!));
  for (const outcome of outcomes) {
    if (outcome.status === "fulfilled" && outcome.value.made)
      await store.blobs.discard(outcome.value.made.spooled);
  }
  throw (failure as PromiseRejectedResult).reason;
}

/** Puts what was made into the store, for the next push. */
export async function keepPacked(
  { blobs, catalog }: { blobs: BlobStore; catalog: ImageCatalog },
  packed: readonly PackedLayer[],
): Promise<void> {
  const made = new Map(packed.flatMap(({ made }) => (made ? [[made.from, made.spooled]] : [])));
  for (const [from, spooled] of made) {
    await blobs.keep(spooled);
    const { digest, sizeBytes } = spooled;
    catalog.keepPacked(from, { mediaType: mediaTypes.gzipLayer, digest, size: sizeBytes });
  }
}

/** How a manifest is written that is made for a push. */
export interface ManifestStyle {
  isOci?: boolean;
  annotations?: Record<string, string>;
}

/** The manifest that an image came with, to the letter; for one made here a manifest of its own. */
export async function describePush(
  blobs: BlobStore,
  { descriptor, content }: PresentManifest,
  packed: readonly PackedLayer[],
  { isOci = false, annotations }: ManifestStyle = {},
): Promise<{ mediaType: string; text: string; descriptors: Descriptor[] }> {
  if (content.origin === "received") {
    const text = await blobs.readText(descriptor.digest);
    const manifest = parseManifest(text);
    if (isIndex(manifest))
      throw invalid(`invalid manifest ${descriptor.digest}: expected a manifest, got an index`);
    return { mediaType: descriptor.mediaType, text, descriptors: manifest.layers };
  }
  const descriptors = packed.map(({ descriptor }) => descriptor);
  const isDocker = !isOci && descriptors.every(({ mediaType }) => mediaType === mediaTypes.dockerLayer);
  const config = {
    mediaType: isDocker ? mediaTypes.dockerConfig : mediaTypes.config,
    digest: content.configDigest,
    size: await blobs.getSizeBytes(content.configDigest),
  };
  const mediaType = isDocker ? mediaTypes.dockerManifest : mediaTypes.manifest;
  const layers = isDocker ? descriptors : descriptors.map(asOci);
  const manifest = { schemaVersion: 2, mediaType, config, layers, ...(annotations && { annotations }) };
  // As Docker writes it: the same image pushed by either has the same digest more often than not.
  return { mediaType, text: JSON.stringify(manifest, undefined, 3), descriptors };
}

/** The blob with the type of what is in it, whatever it was called. */
async function pack(
  { blobs, layers, jobs }: { blobs: BlobStore; layers: Layers; jobs: ImageJobs },
  { digest, size }: Descriptor,
  signal: AbortSignal,
): Promise<PackedLayer> {
  const source = findBlob({ blobs, layers }, digest);
  switch ("path" in source ? await compressionOf(source.path) : "none") {
    case "gzip":
      return { descriptor: { mediaType: mediaTypes.dockerLayer, digest, size } };
    case "zstd":
      return { descriptor: { mediaType: mediaTypes.zstdLayer, digest, size } };
    default: {
      const spooled = await jobs.compress(source, blobs.temporaryPath(), signal);
      const descriptor = {
        mediaType: mediaTypes.dockerLayer,
        digest: spooled.digest,
        size: spooled.sizeBytes,
      };
      return { descriptor, made: { from: digest, spooled } };
    }
  }
}

function asOci(descriptor: Descriptor): Descriptor {
  const { mediaType } = descriptor;
  return {
    ...descriptor,
    mediaType: mediaType === mediaTypes.dockerLayer ? mediaTypes.gzipLayer : mediaType,
  };
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
