import { Readable } from "node:stream";
import type { Digest } from "../formats/digest.ts";
import type { Blobs } from "./blobs.ts";
import type { Rooms } from "./call.ts";
import { RegistryError } from "./errors.ts";
import { blobKey } from "./layout.ts";
import type { MirrorInput } from "./mirror-manifests.ts";
import { createSharedFetches } from "./shared-fetch.ts";
import type { StoredObject } from "./storage.ts";

/** The blobs of a mirror: one that is not in the storage is fetched, stored, and given to the client meanwhile. */
export function createMirrorBlobs(
  { storage, blobs, uploads }: Rooms,
  { upstream, cache, preferUpstream, logger }: MirrorInput,
): Blobs {
  const fetches = createSharedFetches({ storage, uploads, cache }, upstream.readBlob, logger);

  async function getBlob(name: string, digest: Digest): Promise<StoredObject> {
    const own = await blobs.find(name, digest);
    if (own) return own;
    return preferUpstream("BLOB_UNKNOWN", async () => {
      return { sizeBytes: await upstream.getBlobSize(name, digest), modified: new Date() };
    });
  }

  /** A blob that is kept for another repository is this one's too when the upstream says so. */
  async function isKept(name: string, digest: Digest, sizeBytes: number): Promise<boolean> {
    if ((await storage.find(blobKey(digest)))?.sizeBytes !== sizeBytes) return false;
    await blobs.claim(name, digest).catch(() => {});
    return cache.use(name, digest);
  }

  return {
    ...blobs,
    get: getBlob,
    async read(name, digest, range) {
      const readOwn = async () => {
        try {
          return cache.holding(digest, await blobs.read(name, digest, range));
        } catch (error) {
          // Another server on this storage has just removed it.
          if (error instanceof RegistryError && error.code === "BLOB_UNKNOWN") return undefined;
          throw error;
        }
      };
      const own = (await cache.use(name, digest)) && (await readOwn());
      if (own) return own;
      const { sizeBytes } = await getBlob(name, digest);
      const others = (await isKept(name, digest, sizeBytes)) && (await readOwn());
      if (others) return others;
      const parts = fetches.read(name, digest, sizeBytes, range ?? { start: 0, end: sizeBytes });
      return cache.holding(digest, Readable.from(parts, { objectMode: false }));
    },
    async claim(name, digest) {
      await cache.use(name, digest);
    },
  };
}
