import { open } from "node:fs/promises";
import { invalid } from "../errors.ts";
import { detectCompression, magicBytes } from "../formats/compression.ts";
import type { Digest } from "../formats/digest.ts";
import {
  type Descriptor,
  isIndex,
  type Manifest,
  mediaTypes,
  parseManifest,
} from "../formats/oci-manifest.ts";
import { type Reference, repositoryOf } from "../formats/reference.ts";
import type { Blobs } from "./blobs.ts";
import type { Catalog, ImageRecord } from "./catalog.ts";
import type { ImageJobs } from "./jobs.ts";

/**
 * The manifest that an image came with, to the letter; for one made here a manifest of its own, whose plain layers are compressed
 * first, once and for all.
 */
export async function preparePush(
  { blobs, catalog, jobs }: { blobs: Blobs; catalog: Catalog; jobs: ImageJobs },
  image: ImageRecord,
  signal: AbortSignal,
): Promise<{ mediaType: string; text: string; descriptors: Descriptor[] }> {
  if (image.manifest) {
    const text = await blobs.readText(image.manifest.digest);
    const manifest = parseManifest(text);
    if (isIndex(manifest)) throw invalid(`image ${image.id} has an index for a manifest`);
    return { mediaType: image.manifest.mediaType, text, descriptors: manifest.layers };
  }
  const compressing = new Map<Digest, Promise<Descriptor>>();
  const descriptors = await Promise.all(
    image.blobs.map((blob) => {
      const running = compressing.get(blob.digest) ?? compress({ blobs, catalog, jobs }, blob, signal);
      compressing.set(blob.digest, running);
      return running;
    }),
  );
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
async function compress(
  { blobs, catalog, jobs }: { blobs: Blobs; catalog: Catalog; jobs: ImageJobs },
  { digest, size }: Descriptor,
  signal: AbortSignal,
): Promise<Descriptor> {
  const path = blobs.path(digest);
  switch (await compressionOf(path)) {
    case "gzip":
      return { mediaType: mediaTypes.dockerLayer, digest, size };
    case "zstd":
      return { mediaType: mediaTypes.zstdLayer, digest, size };
    default: {
      const spooled = await jobs.compress(path, blobs.temporaryPath(), signal);
      await blobs.keep(spooled);
      const made = { digest: spooled.digest, size: spooled.sizeBytes };
      await catalog.replaceBlob(digest, { mediaType: mediaTypes.gzipLayer, ...made });
      return { mediaType: mediaTypes.dockerLayer, ...made };
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

async function compressionOf(path: string) {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(magicBytes), 0, magicBytes, 0);
    return detectCompression(buffer.subarray(0, bytesRead));
  } finally {
    await file.close();
  }
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
