import { rm } from "node:fs/promises";
import type { ImageJobs } from "../jobs.ts";
import type { BlobStore, SpooledBlob } from "../store/blobs.ts";
import type { Layers } from "../store/layers.ts";
import type { StagedLayer } from "../store/stage-layer.ts";

/** A file of an image archive, of which nothing is in the store yet. */
export interface ArchiveFile extends SpooledBlob {
  /** Of a layer's plain archive that was unpacked as it came. There is nothing at `path`. */
  staged?: StagedLayer;
}

export interface ArchiveStore {
  blobs: BlobStore;
  layers: Layers;
  jobs: ImageJobs;
}

/**
 * Takes what is likely to be a layer's plain archive in by unpacking it, so that it is never on the disk twice; one that cannot be had
 * from what it unpacks to is spooled. @throws what `chunks` throws; internal when the disk is full
 */
export async function stageArchive(
  chunks: AsyncIterable<Buffer>,
  { blobs, layers, jobs }: ArchiveStore,
): Promise<ArchiveFile> {
  const wholePath = blobs.temporaryPath();
  let whole: SpooledBlob | undefined;
  try {
    const staged = await layers.stage(async (target, framePath) => {
      const received = await jobs.receiveArchive(chunks, { target, framePath, wholePath });
      const { digest, archiveBytes, sizeBytes } = received;
      if (sizeBytes !== undefined) return { diffId: digest, archiveBytes, sizeBytes };
      whole = { path: wholePath, digest, sizeBytes: archiveBytes };
      throw new Error("there is no layer");
    });
    return { path: wholePath, digest: staged.diffId, sizeBytes: staged.archiveBytes, staged };
  } catch (error) {
    if (whole) return whole;
    await rm(wholePath, { force: true });
    throw error;
  }
}

/** Where it was not kept. */
export async function discardFile(file: ArchiveFile, blobs: BlobStore): Promise<void> {
  await file.staged?.discard();
  await blobs.discard(file);
}

/** Makes a file of it, for what is no layer after all. */
export async function wholeFile({ staged, ...file }: ArchiveFile, jobs: ImageJobs): Promise<SpooledBlob> {
  if (staged) await jobs.write({ assembly: { ...staged.places, digest: file.digest } }, file.path);
  return file;
}
