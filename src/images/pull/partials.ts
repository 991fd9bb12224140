import { closeSync, mkdirSync, openSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { type Digest, hexOf } from "../../formats/digest.ts";
import type { BlobStore } from "../store/blobs.ts";

/**
 * Blobs on their way here: `<root>/blobs/partial/<hex>` holds the first part of one, or all of it while the rest of its image is
 * missing. Whatever ended a download, the next one goes on from what is there.
 */
export interface Partials {
  path(digest: Digest): string;
  /** Makes an empty one if there is none. */
  begin(digest: Digest): string;
  /** Moves one that is whole and was verified into the store. */
  keep(digest: Digest): void;
  /** Silent when there is none. */
  discard(digest: Digest): void;
  /**
   * Removes those without activity for this long, except what `isUsed`.
   * @returns bytes removed
   */
  sweep(olderThanSeconds: number, isUsed?: (digest: Digest) => boolean): number;
}

export const partialLifeSeconds = 7 * 24 * 3600;

export function openPartials(root: string, blobs: BlobStore): Partials {
  const folder = join(root, "blobs", "partial");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = (digest: Digest) => join(folder, hexOf(digest));
  const partials: Partials = {
    path,
    begin(digest) {
      closeSync(openSync(path(digest), "a", 0o600));
      return path(digest);
    },
    keep(digest) {
      // At once: two pulls may have come by the same blob.
      if (blobs.has(digest)) rmSync(path(digest), { force: true });
      else renameSync(path(digest), blobs.path(digest));
    },
    discard: (digest) => rmSync(path(digest), { force: true }),
    sweep(olderThanSeconds, isUsed = () => false) {
      let bytes = 0;
      for (const name of readdirSync(folder)) {
        const file = join(folder, name);
        const { mtimeMs, size } = statSync(file);
        if (isUsed(`sha256:${name}`) || Date.now() - mtimeMs < olderThanSeconds * 1000) continue;
        rmSync(file, { force: true });
        bytes += size;
      }
      return bytes;
    },
  };
  partials.sweep(partialLifeSeconds);
  return partials;
}
