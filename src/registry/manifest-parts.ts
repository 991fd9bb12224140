import type { Digest } from "../formats/digest.ts";
import type { Blobs } from "./blobs.ts";
import { RegistryError } from "./errors.ts";
import { blobKey, revisionKey } from "./layout.ts";
import type { ParsedManifest } from "./manifest-document.ts";
import type { ManifestReader } from "./manifest-reader.ts";
import { readContent, type Storage } from "./storage.ts";

/** Specification, "Pushing Manifests": a registry should take at least so much. */
export const largestManifestBytes = 4 << 20;
/** Missing parts that are listed in an error. */
const mostTold = 100;
/** Requests of one push to the storage. */
export const atOnce = 16;

interface Rooms {
  storage: Storage;
  blobs: Blobs;
  read: ManifestReader["read"];
}

/**
 * Claims what a manifest consists of, so that a garbage collection that has not seen it yet leaves all of it: an index's manifests with
 * their parts too.
 * @throws RegistryError MANIFEST_BLOB_UNKNOWN
 */
export async function checkParts(rooms: Rooms, name: string, document: ParsedManifest): Promise<void> {
  const lacking: Digest[] = [];
  const seen = new Set<Digest>();
  const lookAt = (digests: readonly Digest[], isThere: (digest: Digest) => Promise<boolean>) =>
    forEachOf(new Set(digests), async (digest) => {
      if (lacking.length < mostTold && !(await isThere(digest))) lacking.push(digest);
    });
  await lookAt(document.blobs, (digest) => claimBlob(rooms, name, digest));
  await lookAt(document.manifests, (digest) => claimManifest(rooms, name, digest, seen));
  await forEachOf(new Set(document.foreign), async (digest) => void (await claimBlob(rooms, name, digest)));
  const [first, ...rest] = lacking;
  if (first)
    throw missing(
      first,
      rest.map((digest) => missing(digest)),
    );
}

const missing = (digest: Digest, others: readonly RegistryError[] = []) =>
  new RegistryError("MANIFEST_BLOB_UNKNOWN", `the manifest refers to ${digest}, which is not there`, {
    detail: { digest },
    others,
  });

async function claimBlob({ blobs }: Rooms, name: string, digest: Digest): Promise<boolean> {
  if (!(await blobs.find(name, digest))) return false;
  await blobs.claim(name, digest);
  return (await blobs.find(name, digest)) !== undefined;
}

/** What it consists of was there when it was pushed; what is there still is claimed with it. */
async function claimManifest(
  rooms: Rooms,
  name: string,
  digest: Digest,
  seen: Set<Digest>,
): Promise<boolean> {
  const { storage, blobs, read } = rooms;
  const isThere = async () => (await storage.find(revisionKey(name, digest))) !== undefined;
  if (seen.has(digest)) return true;
  seen.add(digest);
  if (!(await isThere())) return false;
  await blobs.claim(name, digest);
  if (!(await isThere())) return false;
  try {
    const document = await read(await readContent(storage, blobKey(digest), largestManifestBytes));
    for (const part of [...document.blobs, ...document.foreign]) await claimBlob(rooms, name, part);
    for (const child of document.manifests) await claimManifest(rooms, name, child, seen);
    return true;
  } catch (error) {
    // One of a kind that is not read here has come with the folder, from another registry.
    if (error instanceof RegistryError && error.code === "MANIFEST_INVALID") return true;
    if (error instanceof RegistryError && error.code === "BLOB_UNKNOWN") return false;
    throw error;
  }
}

/** Some at the same time; the first failure ends it. */
async function forEachOf<T>(items: Iterable<T>, action: (item: T) => Promise<void>): Promise<void> {
  const all = [...items];
  for (let at = 0; at < all.length; at += atOnce) await Promise.all(all.slice(at, at + atOnce).map(action));
}
