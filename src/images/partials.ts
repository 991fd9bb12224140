import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { join } from "node:path";
import { type Digest, hexOf } from "../formats/digest.ts";
import type { Blobs } from "./blobs.ts";

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
  /** Removes those that nobody has gone on with for so long. */
  sweep(olderThanSeconds: number): void;
}

export const partialLifeSeconds = 7 * 24 * 3600;

export function openPartials(root: string, blobs: Blobs): Partials {
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
      if (existsSync(blobs.path(digest))) rmSync(path(digest), { force: true });
      else renameSync(path(digest), blobs.path(digest));
    },
    sweep(olderThanSeconds) {
      for (const name of readdirSync(folder)) {
        const file = join(folder, name);
        if (Date.now() - statSync(file).mtimeMs > olderThanSeconds * 1000) rmSync(file, { force: true });
      }
    },
  };
  partials.sweep(partialLifeSeconds);
  return partials;
}
