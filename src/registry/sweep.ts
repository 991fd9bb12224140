import { type Digest, isDigest } from "../formats/digest.ts";
import { abandonedMilliseconds } from "./blobs.ts";
import {
  blobKey,
  blobsFolder,
  claimedKey,
  condemnedKey,
  layerKey,
  layersFolder,
  revisionKey,
  uploadFolder,
  uploadsFolder,
} from "./layout.ts";
import { walkRepositories } from "./lists.ts";
import type { Manifests } from "./manifests.ts";
import type { Marks } from "./mark.ts";
import type { Storage } from "./storage.ts";

/** A blob that some repositories, or all, need no longer. */
export interface Unused {
  digest: Digest;
  /** Repositories that have it without need. */
  names: string[];
  /** No repository needs it. */
  isEverywhere: boolean;
}

export async function* findUnused(storage: Storage, marks: Marks): AsyncGenerator<Unused> {
  const byDigest = new Map<Digest, string[]>();
  for await (const name of walkRepositories(storage, ["_layers"])) {
    const used = marks.usedBy(name);
    for (const digest of digestsOf(await storage.list(layersFolder(name)))) {
      if (!used.has(digest)) byDigest.set(digest, [...(byDigest.get(digest) ?? []), name]);
    }
  }
  for (const two of await storage.list(blobsFolder)) {
    for (const digest of digestsOf(await storage.list(`${blobsFolder}/${two}`))) {
      const names = byDigest.get(digest) ?? [];
      byDigest.delete(digest);
      const isEverywhere = !marks.used.has(digest);
      if (isEverywhere || names.length > 0) yield { digest, names, isEverywhere };
    }
  }
  // Links to what is gone.
  for (const [digest, names] of byDigest) yield { digest, names, isEverywhere: true };
}

export function digestsOf(names: readonly string[]): Digest[] {
  return names.map((hex) => `sha256:${hex}`).filter(isDigest);
}

interface SweepOptions {
  /** What has been touched since stays. */
  cutoff: Date;
  isDryRun: boolean;
}

/** Removes the blob from where it is not needed. @returns undefined when it is too young, or its bytes are needed elsewhere */
export async function sweepBlob(
  storage: Storage,
  { digest, names, isEverywhere }: Unused,
  options: SweepOptions,
): Promise<{ sizeBytes: number } | undefined> {
  const data = await storage.find(blobKey(digest));
  const isGone = await sweepUnlessYoung(storage, digest, options, async () => {
    await Promise.all(names.map((name) => storage.remove(layerKey(name, digest))));
    if (!isEverywhere) return;
    await storage.remove(blobKey(digest));
    await storage.remove(claimedKey(digest));
  });
  return isGone && isEverywhere && data ? { sizeBytes: data.sizeBytes } : undefined;
}

/** Removes a manifest and what is known of it. @returns false when a client has just pushed it, or it is gone already */
export async function sweepManifest(
  storage: Storage,
  manifests: Manifests,
  { name, digest }: { name: string; digest: Digest },
  options: SweepOptions,
): Promise<boolean> {
  if (!(await storage.find(revisionKey(name, digest)))) return false;
  return sweepUnlessYoung(storage, digest, options, () => manifests.remove(name, digest));
}

/** Removes a blob while it cannot be claimed. One that was claimed before stays. */
async function sweepUnlessYoung(
  storage: Storage,
  digest: Digest,
  { cutoff, isDryRun }: SweepOptions,
  remove: () => Promise<void>,
): Promise<boolean> {
  const isYoung = async () => {
    const found = await Promise.all([storage.find(blobKey(digest)), storage.find(claimedKey(digest))]);
    return found.some((one) => one && one.modified > cutoff);
  };
  const isOld = !(await isYoung());
  if (isDryRun || !isOld) return isOld;
  const began = Date.now();
  await storage.write(condemnedKey(digest), "", true);
  try {
    // A push that waits for the decision must not wait for ever.
    if ((await isYoung()) || Date.now() - began > abandonedMilliseconds / 2) return false;
    await remove();
    return true;
  } finally {
    await storage.remove(condemnedKey(digest));
  }
}

/** Removes abandoned uploads. */
export async function* sweepUploads(
  storage: Storage,
  { cutoff, isDryRun }: SweepOptions,
): AsyncGenerator<{ key: string; sizeBytes: number }> {
  for await (const name of walkRepositories(storage, ["_chunks"])) {
    for (const id of await storage.list(uploadsFolder(name))) {
      const key = uploadFolder(name, id);
      const found = await Promise.all(
        (await storage.list(key)).slice(-2).map((one) => storage.find(`${key}/${one}`)),
      );
      const times = found.flatMap((one) => (one ? [one.modified] : []));
      // Without any it is just beginning, or just over.
      if (times.length === 0 || times.some((time) => time > cutoff)) continue;
      const sizeBytes = (await storage.chunks(key)).reduce((sum, chunk) => sum + chunk.sizeBytes, 0);
      if (!isDryRun) await storage.remove(key);
      yield { key: `${name} ${id}`, sizeBytes };
    }
  }
}
