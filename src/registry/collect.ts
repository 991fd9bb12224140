import { invalid } from "../errors.ts";
import { formatSize } from "../formats/units.ts";
import { createBlobs, renewedMilliseconds } from "./blobs.ts";
import { takeTurn } from "./collecting.ts";
import { parseManifestDocument } from "./manifest-document.ts";
import { createManifests } from "./manifests.ts";
import { markUsed } from "./mark.ts";
import type { Storage } from "./storage.ts";
import { findUnused, sweepBlob, sweepManifest, sweepUploads } from "./sweep.ts";

export interface CollectOptions {
  /** Only says what would be removed. */
  isDryRun: boolean;
  /** Manifests go too that no tag leads to, directly, through an index or as what refers to one. */
  withUntagged: boolean;
  /** Younger blobs stay: a client may be about to push a manifest that needs them. */
  graceMilliseconds: number;
  /** Uploads without activity for this long are removed. */
  uploadMilliseconds: number;
  /** One line for each thing that goes. */
  report(line: string): void;
}

const readManifest = async (content: Buffer) => parseManifestDocument(content.toString());

export interface Collected {
  manifests: number;
  blobs: number;
  uploads: number;
  sizeBytes: number;
}

const leastGraceMilliseconds = 2 * renewedMilliseconds;

/**
 * Removes what no manifest needs. Servers go on meanwhile: a blob is condemned before it goes, and a server that wants it says so and
 * waits for the decision (`blobs.claim`).
 * @throws EngineError conflict while another collection runs; invalid when a manifest cannot be read, since what it needs is unknown
 */
export async function collectRegistryGarbage(storage: Storage, options: CollectOptions): Promise<Collected> {
  const { isDryRun, graceMilliseconds, report } = options;
  if (graceMilliseconds < leastGraceMilliseconds) {
    throw invalid(`the grace must be ${leastGraceMilliseconds / 60_000} minutes at least`);
  }
  const turn = await takeTurn(storage);
  try {
    const began = turn.began.getTime();
    const cutoff = new Date(began - graceMilliseconds);
    const collected: Collected = { manifests: 0, blobs: 0, uploads: 0, sizeBytes: 0 };
    const marks = await markUsed(storage, { withUntagged: options.withUntagged, cutoff });
    await turn.check();
    const manifests = createManifests(storage, createBlobs(storage), readManifest);
    for (const manifest of marks.untagged) {
      if (!(await sweepManifest(storage, manifests, manifest, { cutoff, isDryRun }))) {
        marks.spare(manifest);
        continue;
      }
      report(`manifest ${manifest.name}@${manifest.digest}`);
      collected.manifests++;
    }
    for await (const unused of findUnused(storage, marks)) {
      const freed = await sweepBlob(storage, unused, { cutoff, isDryRun });
      if (!freed) continue;
      report(`blob ${unused.digest} (${formatSize(freed.sizeBytes)})`);
      collected.blobs++;
      collected.sizeBytes += freed.sizeBytes;
    }
    const oldest = new Date(began - options.uploadMilliseconds);
    for await (const { key, sizeBytes } of sweepUploads(storage, { cutoff: oldest, isDryRun })) {
      report(`upload ${key} (${formatSize(sizeBytes)})`);
      collected.uploads++;
      collected.sizeBytes += sizeBytes;
    }
    return collected;
  } finally {
    await turn.end();
  }
}
