import { availableParallelism } from "node:os";
import { internal } from "../errors.ts";
import type { Digest } from "../formats/digest.ts";
import { createJobRunner } from "../sys/jobs.ts";
import type { ArchivedImage } from "./archive-manifest.ts";
import type { SpooledBlob } from "./blobs.ts";
import type { ImageJob, ImageJobResult } from "./images.worker.ts";
import type { Arrival, Received } from "./receive-layer.ts";
import type { Unpacked } from "./unpack.ts";

/** The image store's worker threads. */
export interface ImageJobs {
  unpack(blobPath: string, digest: Digest, target: string): Promise<Unpacked>;
  /** Verifies and unpacks a blob while it arrives: see `receiveLayer`. */
  receive(arrival: Arrival, signal: AbortSignal): Promise<Received>;
  pack(upperDirectory: string, target: string): Promise<SpooledBlob>;
  /** See `compressLayer`. */
  compress(path: string, target: string, signal: AbortSignal): Promise<SpooledBlob>;
  /** What a docker-archive's `manifest.json` lists. @throws invalid */
  listArchive(path: string): Promise<ArchivedImage[]>;
  /** Bytes on the disk: see `measureTree`. */
  measure(path: string): Promise<number>;
  /** With all that is below. Silent when it does not exist. */
  remove(path: string): Promise<void>;
  close(): Promise<void>;
}

/** One more than are busy unpacking at a time on a small machine, so that a removal need not wait for them. */
const threads = availableParallelism() > 2 ? 4 : 3;
/** How many layers may unpack at a time while they still come, which may take long. */
export const unpackers = threads - 1;

export function startImageJobs(): ImageJobs {
  const runner = createJobRunner<ImageJob, ImageJobResult>("images/images.worker", threads);
  const wrong = () => internal("the worker answered another question");
  return {
    async unpack(blobPath, digest, target) {
      const { unpacked } = await runner.run({ kind: "unpack", blobPath, digest, target });
      if (!unpacked) throw wrong();
      return unpacked;
    },
    async receive(arrival, signal) {
      const { received } = await runner.run({ kind: "receive", arrival }, signal);
      if (!received) throw wrong();
      return received;
    },
    async pack(upperDirectory, target) {
      const { packed } = await runner.run({ kind: "pack", upperDirectory, target });
      if (!packed) throw wrong();
      return packed;
    },
    async compress(path, target, signal) {
      const { packed } = await runner.run({ kind: "compress", path, target }, signal);
      if (!packed) throw wrong();
      return packed;
    },
    async listArchive(path) {
      const { archived } = await runner.run({ kind: "listArchive", path });
      if (!archived) throw wrong();
      return archived;
    },
    measure: async (path) => (await runner.run({ kind: "measure", path })).bytes ?? 0,
    async remove(path) {
      await runner.run({ kind: "remove", path });
    },
    close: () => runner.close(),
  };
}
