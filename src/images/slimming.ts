import { rm } from "node:fs/promises";
import { hasCode } from "../errors.ts";
import type { Digest } from "../formats/digest.ts";
import type { Logger } from "../logger.ts";
import type { ImageJobs } from "./jobs.ts";
import type { BlobStore } from "./store/blobs.ts";
import type { Layers } from "./store/layers.ts";

/**
 * No layer's plain archive stays beside the layer: once no work needs it, its frame takes its place. Where there is none, in a
 * store of an earlier version or of a layer that came by another way, it is made in the background.
 */
export interface Slimming {
  /** Call it when the last work with a blob is over and the blob is still needed. */
  slim(digest: Digest): Promise<void>;
}

interface SlimmingOptions {
  blobs: BlobStore;
  layers: Layers;
  jobs: ImageJobs;
  logger: Logger;
  /** As a catalog's. */
  protect(digests: readonly string[], work: () => Promise<void>): Promise<void>;
}

export function createSlimming({ blobs, layers, jobs, logger, protect }: SlimmingOptions): Slimming {
  /** Now, or in vain: the next daemon tries again. */
  const tried = new Set<Digest>();
  let last: Promise<void> = Promise.resolve();

  async function record(digest: Digest, chainId: string): Promise<void> {
    const target = blobs.temporaryPath();
    // Blob and layer stay meanwhile; in the end the whole goes, since there is a frame then.
    await protect([digest, chainId], async () => {
      if (!blobs.isWhole(digest) || !layers.isThere(chainId)) return;
      try {
        await jobs.record(blobs.path(digest), target, layers.directory(chainId), digest);
        await blobs.keepFrame(target, digest, true);
        tried.delete(digest);
      } catch (error) {
        await rm(target, { force: true });
        throw error;
      }
    });
  }

  return {
    async slim(digest) {
      const [layer] = layers.withDiffId(digest);
      if (!layer || !blobs.isWhole(digest)) return;
      if (blobs.hasFrame(digest)) return blobs.slim(digest);
      if (tried.has(digest)) return;
      tried.add(digest);
      last = last
        .then(() => record(digest, layer.chainId))
        .catch((error: unknown) => {
          const level = hasCode(error, "ENOSPC") ? "warn" : "debug";
          logger[level]({ error, digest }, "a layer's archive could not be replaced by its frame");
        });
    },
  };
}
