import {
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { join } from "node:path";
import { type Digest, hexOf } from "../../formats/digest.ts";
import type { BlobStore } from "../store/blobs.ts";

/**
 * Blobs on their way here: `<root>/blobs/partial/<hex>` holds the first part of one. Whatever ended a download, the next one goes on
 * from what is there. `<hex>.verified` is one that is whole, while the rest of its image is missing: no download writes to it.
 */
export interface Partials {
  path(digest: Digest): string;
  /** Makes one if there is none: with all of its content where that is here and verified, and has this size; else empty. */
  begin(digest: Digest, sizeBytes: number): string;
  /** Takes one that is whole and was verified out of the reach of other downloads. */
  accept(digest: Digest): void;
  verifiedPath(digest: Digest): string;
  /** Moves a verified one into the store. */
  keep(digest: Digest): void;
  /** Drops a verified one. Silent when there is none. */
  discard(digest: Digest): void;
  /** Drops a verified one and what has come of another. Not while it is on its way. */
  discardAll(digest: Digest): void;
  /**
   * Removes those without activity for this long, except what `isUsed`.
   * @returns bytes removed
   */
  sweep(olderThanSeconds: number, isUsed?: (digest: Digest) => boolean): number;
}

export const partialLifeSeconds = 7 * 24 * 3600;
const verifiedSuffix = ".verified";

export function openPartials(root: string, blobs: BlobStore): Partials {
  const folder = join(root, "blobs", "partial");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  // After a loss of power what was verified need not be on the disk.
  for (const name of readdirSync(folder).filter((name) => name.endsWith(verifiedSuffix)))
    renameSync(join(folder, name), join(folder, name.slice(0, -verifiedSuffix.length)));
  const path = (digest: Digest) => join(folder, hexOf(digest));
  const verifiedPath = (digest: Digest) => `${path(digest)}${verifiedSuffix}`;
  const partials: Partials = {
    path,
    verifiedPath,
    begin(digest, sizeBytes) {
      const [partial, verified] = [path(digest), verifiedPath(digest)];
      if (existsSync(partial)) return partial;
      // It is not written to: there is nothing left to download.
      if (existsSync(verified) && statSync(verified).size === sizeBytes) linkSync(verified, partial);
      else closeSync(openSync(partial, "a", 0o600));
      return partial;
    },
    accept(digest) {
      if (existsSync(verifiedPath(digest))) rmSync(path(digest));
      else renameSync(path(digest), verifiedPath(digest));
    },
    keep(digest) {
      // At once: two pulls may have come by the same blob.
      if (blobs.has(digest)) rmSync(verifiedPath(digest), { force: true });
      else renameSync(verifiedPath(digest), blobs.path(digest));
    },
    discard: (digest) => rmSync(verifiedPath(digest), { force: true }),
    discardAll(digest) {
      for (const file of [path(digest), verifiedPath(digest)]) rmSync(file, { force: true });
    },
    sweep(olderThanSeconds, isUsed = () => false) {
      let bytes = 0;
      for (const name of readdirSync(folder)) {
        const file = join(folder, name);
        const { mtimeMs, size, nlink } = statSync(file);
        const hex = name.slice(0, 64);
        if (isUsed(`sha256:${hex}`) || Date.now() - mtimeMs < olderThanSeconds * 1000) continue;
        rmSync(file, { force: true });
        if (nlink === 1) bytes += size;
      }
      return bytes;
    },
  };
  partials.sweep(partialLifeSeconds);
  return partials;
}
