import type { Digest } from "../formats/digest.ts";
import { blobKey, blobsFolder, claimedKey, layersFolder, revisionsFolder } from "./layout.ts";
import { walkRepositories } from "./lists.ts";
import type { Manifests } from "./manifests.ts";
import type { Storage } from "./storage.ts";
import { digestsOf, sweepBlob, sweepManifest } from "./sweep.ts";

/** A blob or a manifest that a mirror keeps. */
export interface Cached {
  digest: Digest;
  sizeBytes: number;
  /** When it was last asked for, as far as is known; milliseconds since 1970. */
  used: number;
  /** As far as the storage knows. */
  noted: Date;
}

/**
 * All there is, what was not asked for the longest first.
 * @param uses what is known beside the storage
 * @param isOver ends it early: then there may be more
 */
export async function listCached(
  storage: Storage,
  uses: ReadonlyMap<Digest, number>,
  isOver: () => boolean,
): Promise<Cached[]> {
  const cached: Cached[] = [];
  for (const two of await storage.list(blobsFolder)) {
    if (isOver()) break;
    for (const digest of digestsOf(await storage.list(`${blobsFolder}/${two}`))) {
      const [data, claim] = await Promise.all([
        storage.find(blobKey(digest)),
        storage.find(claimedKey(digest)),
      ]);
      if (!data) continue;
      const noted = claim && claim.modified > data.modified ? claim.modified : data.modified;
      const used = Math.max(noted.getTime(), uses.get(digest) ?? 0);
      cached.push({ digest, sizeBytes: data.sizeBytes, used, noted });
    }
  }
  return cached.sort((one, other) => one.used - other.used);
}

/**
 * Removes these from all repositories, with the tags that lead to them. One that is claimed meanwhile, on this server or another, stays.
 * @param isWanted asked before each
 */
export async function* removeCached(
  storage: Storage,
  manifests: Manifests,
  leaving: readonly Cached[],
  isWanted: (digest: Digest) => boolean,
): AsyncGenerator<Cached> {
  if (leaving.length === 0) return;
  const layers = await findNames(storage, "_layers", layersFolder);
  const revisions = await findNames(storage, "_manifests", revisionsFolder);
  for (const cached of leaving) {
    const { digest, noted } = cached;
    if (isWanted(digest)) continue;
    const options = { cutoff: noted, isDryRun: false };
    for (const name of revisions.get(digest) ?? [])
      await sweepManifest(storage, manifests, { name, digest }, options);
    const unused = { digest, names: layers.get(digest) ?? [], isEverywhere: true };
    if (await sweepBlob(storage, unused, options)) yield cached;
  }
}

/** The repositories that have each. */
async function findNames(
  storage: Storage,
  kind: "_layers" | "_manifests",
  folderOf: (name: string) => string,
): Promise<Map<Digest, string[]>> {
  const names = new Map<Digest, string[]>();
  for await (const name of walkRepositories(storage, [kind])) {
    for (const digest of digestsOf(await storage.list(folderOf(name))))
      names.set(digest, [...(names.get(digest) ?? []), name]);
  }
  return names;
}
