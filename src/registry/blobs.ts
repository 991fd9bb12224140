import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { Digest } from "../formats/digest.ts";
import { RegistryError } from "./errors.ts";
import { blobKey, claimedKey, condemnedKey, layerKey } from "./layout.ts";
import type { ByteRange } from "./range.ts";
import type { Storage, StoredObject } from "./storage.ts";

/** A claim that this server has renewed since is not renewed again; the garbage collection's grace must be longer. */
export const renewedMilliseconds = 5 * 60_000;
/** A collection that condemned a blob this long ago was killed. */
export const abandonedMilliseconds = 60_000;
const pollMilliseconds = 50;
const mostRenewals = 100_000;

/** The blobs of repositories: the bytes are stored once, and each repository that has them has a link to them. */
export interface Blobs {
  find(name: string, digest: Digest): Promise<StoredObject | undefined>;
  /** @throws RegistryError BLOB_UNKNOWN */
  get(name: string, digest: Digest): Promise<StoredObject>;
  read(name: string, digest: Digest, range?: ByteRange): Promise<Readable>;
  /**
   * Gives the repository the blob, which the garbage collection then leaves alone until its grace is over. Whether it is there is to be
   * asked, and it is to be stored, after this.
   */
  claim(name: string, digest: Digest): Promise<void>;
  /** Takes the blob from the repository. The bytes go with the next garbage collection when no other repository has them. */
  unlink(name: string, digest: Digest): Promise<void>;
}

export function createBlobs(storage: Storage): Blobs {
  /** When claims were renewed here, by `performance.now()`: the storage's clock may be another than ours. */
  const renewals = new Map<Digest, number>();

  /** A collection that had decided before may take the claim away with the blob. */
  async function renew(digest: Digest): Promise<void> {
    let began: number;
    do {
      began = performance.now();
      await storage.write(claimedKey(digest), "", true);
      const claim = await storage.find(claimedKey(digest));
      if (claim) await untilDecided(storage, digest, claim);
    } while (!(await storage.find(claimedKey(digest))));
    if (renewals.size >= mostRenewals) renewals.clear();
    renewals.set(digest, began);
  }

  async function find(name: string, digest: Digest): Promise<StoredObject | undefined> {
    const [link, blob] = await Promise.all([
      storage.find(layerKey(name, digest)),
      storage.find(blobKey(digest)),
    ]);
    return link && blob;
  }

  async function get(name: string, digest: Digest): Promise<StoredObject> {
    const found = await find(name, digest);
    if (!found) throw new RegistryError("BLOB_UNKNOWN", "blob unknown to registry", { detail: { digest } });
    return found;
  }

  return {
    find,
    get,
    read: (_, digest, range) => storage.read(blobKey(digest), range),
    async claim(name, digest) {
      // A collection that is deciding now spares what has a young claim.
      const isYoung = performance.now() - (renewals.get(digest) ?? -Infinity) < renewedMilliseconds;
      if (!isYoung || !(await storage.find(claimedKey(digest)))) await renew(digest);
      const key = layerKey(name, digest);
      if (!(await storage.find(key))) await storage.write(key, digest);
    },
    unlink: (name, digest) => storage.remove(layerKey(name, digest)),
  };
}

/**
 * Waits for a garbage collection that is deciding on the blob. Either it has seen the claim that was written before, and spares the blob,
 * or the blob is gone when this returns.
 * @param claim just written, so that its time is the storage's present
 */
async function untilDecided(storage: Storage, digest: Digest, claim: StoredObject): Promise<void> {
  const began = performance.now();
  for (;;) {
    const condemned = await storage.find(condemnedKey(digest));
    if (!condemned) return;
    const age = claim.modified.getTime() - condemned.modified.getTime() + performance.now() - began;
    if (age > abandonedMilliseconds) return;
    await sleep(pollMilliseconds);
  }
}
