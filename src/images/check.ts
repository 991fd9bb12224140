import { messageOf } from "../errors.ts";
import type { Finding } from "../finding.ts";
import { type Digest, isDigest } from "../formats/digest.ts";
import type { Blobs } from "./blobs.ts";
import type { Catalog, ImageRecord } from "./catalog.ts";
import type { Layers } from "./layers.ts";

interface Store {
  blobs: Blobs;
  catalog: Catalog;
  layers: Layers;
}

/** Compares images, blobs, layers and holds. @param owners who may hold layers */
export async function checkImages(store: Store, owners: ReadonlySet<string>): Promise<Finding[]> {
  const { blobs, catalog, layers } = store;
  const [digests, folders] = await Promise.all([blobs.list(), layers.strayFolders()]);
  const used = catalog.inUse();
  const perImage = await Promise.all([...catalog.images.values()].map((image) => checkImage(store, image)));
  return [
    ...perImage.flat(),
    ...digests.flatMap((digest) => {
      if (used.blobs.has(digest)) return [];
      return {
        subject: `blob ${digest}`,
        problem: "no image needs it",
        repair: () => isDigest(digest) && blobs.remove(digest),
      };
    }),
    ...[...layers.all()].flatMap(({ chainId }) => {
      if (used.layers.has(chainId)) return [];
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
      if (owners.has(owner)) return [];
      return {
        subject: `layers held for ${owner.slice(0, 12)}`,
        problem: "there is no such container",
        repair: () => catalog.release(owner),
      };
    }),
  ];
}

const howToReplace = "remove the image and load it again";

async function checkImage({ blobs, layers }: Store, image: ImageRecord): Promise<Finding[]> {
  const subject = `image ${image.id}`;
  const sizes = new Map<Digest, number | undefined>([[image.id as Digest, undefined]]);
  for (const { digest, size } of [...image.blobs, ...(image.manifest ? [image.manifest] : [])]) {
    sizes.set(digest, size);
  }
  const problems = await Promise.all(
    [...sizes].map(async ([digest, size]) => {
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
  const missing = image.layers.filter((chainId) => !layers.isThere(chainId));
  return [...problems.flat(), ...missing.map((chainId) => `layer ${chainId} is missing`)].map((problem) => ({
    subject,
    problem: `${problem}; ${howToReplace}`,
  }));
}
