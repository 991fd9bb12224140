import { messageOf } from "../errors.ts";
import type { Finding } from "../finding.ts";
import { type Digest, isDigest } from "../formats/digest.ts";
import { findBlob } from "./blob-source.ts";
import { blobsOf, layersOf } from "./image-index.ts";
import type { ImageJobs } from "./jobs.ts";
import { presentManifests } from "./select-manifest.ts";
import type { BlobStore } from "./store/blobs.ts";
import type { ImageCatalog, ImageRecord } from "./store/catalog.ts";
import type { Layers } from "./store/layers.ts";

interface Store {
  blobs: BlobStore;
  catalog: ImageCatalog;
  layers: Layers;
  jobs: ImageJobs;
}

/** Compares images, blobs, layers and holds. @param owners who may hold layers, under names that begin with theirs */
export async function checkImages(store: Store, owners: ReadonlySet<string>): Promise<Finding[]> {
  const { blobs, catalog, layers } = store;
  const [digests, folders] = await Promise.all([blobs.list(), layers.strayFolders()]);
  const damaged = await findDamaged(store);
  const perImage = await Promise.all(
    [...catalog.images.values()].map((image) => checkImage(store, image, damaged)),
  );
  return [
    ...perImage.flat(),
    ...digests.flatMap((digest) => {
      if (catalog.needsBlob(digest)) return [];
      return {
        subject: `blob ${digest}`,
        problem: "no image needs it",
        repair: () => isDigest(digest) && blobs.remove(digest),
      };
    }),
    ...[...layers.all()].flatMap(({ chainId }) => {
      if (catalog.needsLayer(chainId)) return [];
      return {
        subject: `layer ${chainId}`,
        problem: "no image and no container needs it",
        repair: () => layers.remove([chainId]),
      };
    }),
    ...folders.map((name) => ({
      subject: `layer folder ${name}`,
      problem: "there is no record of it",
      repair: () => layers.removeStray(name),
    })),
    ...catalog.owners().flatMap((owner) => {
      if (owners.has(owner.split("/", 1)[0] ?? owner)) return [];
      return {
        subject: `layers held for ${owner.slice(0, 12)}`,
        problem: "there is no such container",
        repair: () => catalog.release(owner),
      };
    }),
  ];
}

const howToReplace = "remove the image and load it again";

/** Layers that no longer make the archives that they were made of, and why; one at a time, since all of each is read. */
async function findDamaged({ blobs, catalog, layers, jobs }: Store): Promise<Map<string, string>> {
  const damaged = new Map<string, string>();
  const digests = new Set(
    [...catalog.images.values()].flatMap((image) =>
      presentManifests(image).flatMap(({ content }) => content.blobs.map((blob) => blob.digest)),
    ),
  );
  for (const digest of digests) {
    if (blobs.isWhole(digest) || !blobs.hasFrame(digest)) continue;
    try {
      await jobs.verify(findBlob({ blobs, layers }, digest));
    } catch (error) {
      // What was removed meanwhile is as it should be.
      if (blobs.hasFrame(digest)) damaged.set(digest, messageOf(error));
    }
  }
  return damaged;
}

async function checkImage(
  { blobs, layers }: Store,
  image: ImageRecord,
  damaged: ReadonlyMap<string, string>,
): Promise<Finding[]> {
  const subject = `image ${image.id}`;
  const sizes = new Map(blobsOf(image).map((digest): [Digest, number | undefined] => [digest, undefined]));
  const { target, indexes, manifests } = image;
  for (const { digest, size } of [target, ...indexes]) sizes.set(digest, size);
  for (const { descriptor, content, parts } of manifests) {
    for (const { digest, size } of [descriptor, ...(content?.blobs ?? []), ...(parts ?? [])])
      if (sizes.has(digest)) sizes.set(digest, size);
  }
  const problems = await Promise.all(
    [...sizes].map(async ([digest, size]) => {
      const damage = damaged.get(digest);
      if (damage !== undefined) return [damage];
      try {
        const found = await blobs.getSizeBytes(digest);
        return size === undefined || found === size
          ? []
          : [`blob ${digest} has ${found} bytes instead of ${size}`];
      } catch (error) {
        return [messageOf(error)];
      }
    }),
  );
  const missing = layersOf(image).filter((chainId) => !layers.isThere(chainId));
  return [...problems.flat(), ...missing.map((chainId) => `layer ${chainId} is missing`)].map((problem) => ({
    subject,
    problem: `${problem}; ${howToReplace}`,
  }));
}
