import { invalid } from "../errors.ts";
import type { Digest } from "../formats/digest.ts";
import {
  type Descriptor,
  isIndex,
  type Manifest,
  mediaTypes,
  parseManifest,
} from "../formats/oci-manifest.ts";
import { type Reference, repositoryOf } from "../formats/reference.ts";
import type { Blobs, SpooledBlob } from "./blobs.ts";
import type { Catalog, ImageRecord } from "./catalog.ts";
import { compressionOf } from "./decompress.ts";
import type { ImageJobs } from "./jobs.ts";

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
  { blobs, jobs }: { blobs: Blobs; jobs: ImageJobs },
  image: ImageRecord,
  signal: AbortSignal,
): Promise<PackedLayer[]> {
  if (image.manifest) return [];
  const packing = new Map<Digest, Promise<PackedLayer>>();
  for (const blob of image.blobs)
    if (!packing.has(blob.digest)) packing.set(blob.digest, pack({ blobs, jobs }, blob, signal));
  const outcomes = await Promise.allSettled(packing.values());
  const failure = outcomes.find(({ status }) => status === "rejected");
  if (!failure) return Promise.all(image.blobs.map(({ digest }) => packing.get(digest)!));
  for (const outcome of outcomes) {
    if (outcome.status === "fulfilled" && outcome.value.made) await blobs.discard(outcome.value.made.spooled);
  }
  throw (failure as PromiseRejectedResult).reason;
}

/** Puts what was made into the store, in the place of what it was made of. */
export async function keepPacked(
  { blobs, catalog }: { blobs: Blobs; catalog: Catalog },
  packed: readonly PackedLayer[],
): Promise<void> {
  const made = new Map(packed.flatMap(({ made }) => (made ? [[made.from, made.spooled]] : [])));
  for (const [from, spooled] of made) {
    await blobs.keep(spooled);
    const { digest, sizeBytes } = spooled;
    await catalog.replaceBlob(from, { mediaType: mediaTypes.gzipLayer, digest, size: sizeBytes });
  }
}

/** The manifest that an image came with, to the letter; for one made here a manifest of its own. */
export async function describePush(
  blobs: Blobs,
  image: ImageRecord,
  packed: readonly PackedLayer[],
): Promise<{ mediaType: string; text: string; descriptors: Descriptor[] }> {
  if (image.manifest) {
    const text = await blobs.readText(image.manifest.digest);
    const manifest = parseManifest(text);
    if (isIndex(manifest)) throw invalid(`image ${image.id} has an index for a manifest`);
    return { mediaType: image.manifest.mediaType, text, descriptors: manifest.layers };
  }
  const descriptors = packed.map(({ descriptor }) => descriptor);
  const isDocker = descriptors.every(({ mediaType }) => mediaType === mediaTypes.dockerLayer);
  const config = {
    mediaType: isDocker ? mediaTypes.dockerConfig : mediaTypes.config,
    digest: image.id as Digest,
    size: await blobs.getSizeBytes(image.id as Digest),
  };
  const mediaType = isDocker ? mediaTypes.dockerManifest : mediaTypes.manifest;
  const layers = isDocker ? descriptors : descriptors.map(asOci);
  const manifest: Manifest = { schemaVersion: 2, mediaType, config, layers };
  // As Docker writes it: the same image pushed by either has the same digest more often than not.
  return { mediaType, text: JSON.stringify(manifest, undefined, 3), descriptors };
}

/** The blob with the type of what is in it, whatever it was called. */
async function pack(
  { blobs, jobs }: { blobs: Blobs; jobs: ImageJobs },
  { digest, size }: Descriptor,
  signal: AbortSignal,
): Promise<PackedLayer> {
  const path = blobs.path(digest);
  switch (await compressionOf(path)) {
    case "gzip":
      return { descriptor: { mediaType: mediaTypes.dockerLayer, digest, size } };
    case "zstd":
      return { descriptor: { mediaType: mediaTypes.zstdLayer, digest, size } };
    default: {
      const spooled = await jobs.compress(path, blobs.temporaryPath(), signal);
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
export function findMountSources(catalog: Catalog, target: Reference, digest: Digest): string[] {
  const sources = new Set<string>();
  for (const image of catalog.images.values()) {
    if (!image.blobs.some((blob) => blob.digest === digest)) continue;
    for (const reference of catalog.references.of(image.id)) {
      const isElsewhere = repositoryOf(reference) !== repositoryOf(target);
      if (reference.digest && reference.domain === target.domain && isElsewhere) sources.add(reference.path);
    }
  }
  return [...sources];
}
