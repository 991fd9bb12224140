import { closeSync, linkSync, mkdirSync, openSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { type Digest, hexOf } from "../../formats/digest.ts";
import type { BlobStore } from "../store/blobs.ts";

/**
 * Blobs on their way here: `<root>/blobs/partial/<hex>` holds the first part of one. Whatever ended a download, the next one goes on
 * from what is there. `<hex>.verified` is one that is whole, while the rest of its image is missing: no download writes to it.
 */
export interface Partials {
  path(digest: Digest): string;
  /**
   * Makes one if there is none. Where one of this size was verified, it becomes a second name of that: there is nothing left to
   * download, so nothing writes to it. @see release
   */
  begin(digest: Digest, sizeBytes: number): string;
  /** Takes one that is whole and was verified out of the reach of other downloads. */
  accept(digest: Digest): void;
  /** What has come stays, for the next download. Call it when one was not accepted. */
  release(digest: Digest): void;
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
  distrustVerified(folder);
  const path = (digest: Digest) => join(folder, hexOf(digest));
  const verifiedPath = (digest: Digest) => `${path(digest)}${verifiedSuffix}`;
  const partials: Partials = {
    path,
    verifiedPath,
    begin(digest, sizeBytes) {
      partials.release(digest);
      const [partial, verified] = [path(digest), verifiedPath(digest)];
      if (statSync(verified, { throwIfNoEntry: false })?.size === sizeBytes) {
        rmSync(partial, { force: true });
        linkSync(verified, partial);
      }
      closeSync(openSync(partial, "a", 0o600));
      return partial;
    },
    accept(digest) {
      // A rename of one name of a file to another of its names does nothing.
      rmSync(verifiedPath(digest), { force: true });
      renameSync(path(digest), verifiedPath(digest));
    },
    release: (digest) => removeSecondName(path(digest)),
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
        if (isUsed(`sha256:${name.slice(0, 64)}`)) continue;
        // A worker that finds one wrong removes it.
        const found = statSync(file, { throwIfNoEntry: false });
        if (!found || Date.now() - found.mtimeMs < olderThanSeconds * 1000) continue;
        rmSync(file, { force: true });
        if (found.nlink === 1) bytes += found.size;
      }
      return bytes;
    },
  };
  partials.sweep(partialLifeSeconds);
  return partials;
}

/** After a loss of power what was verified need not be on the disk. */
function distrustVerified(folder: string): void {
  for (const name of readdirSync(folder).filter((name) => name.endsWith(verifiedSuffix))) {
    const partial = join(folder, name.slice(0, -verifiedSuffix.length));
    rmSync(partial, { force: true });
    renameSync(join(folder, name), partial);
  }
  // What was verified may be in the store by now.
  for (const name of readdirSync(folder)) removeSecondName(join(folder, name));
}

function removeSecondName(file: string): void {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found && found.nlink > 1) rmSync(file, { force: true });
}
