import { internal } from "../errors.ts";
import type { Digest } from "../formats/digest.ts";
import { createJobRunner } from "../sys/jobs.ts";
import type { SpooledBlob } from "./blobs.ts";
import type { ImageJob, ImageJobResult } from "./images.worker.ts";
import type { Unpacked } from "./unpack.ts";

/** The image store's worker threads. */
export interface ImageJobs {
  unpack(blobPath: string, digest: Digest, target: string): Promise<Unpacked>;
  pack(upperDirectory: string, target: string): Promise<SpooledBlob>;
  /** With all that is below. Silent when it does not exist. */
  remove(path: string): Promise<void>;
  close(): Promise<void>;
}

/** One more than are busy unpacking at a time on a small machine, so that a removal need not wait for them. */
const threads = 3;

export function startImageJobs(): ImageJobs {
  const runner = createJobRunner<ImageJob, ImageJobResult>("images/images.worker", threads);
  const wrong = () => internal("the worker answered another question");
  return {
    async unpack(blobPath, digest, target) {
      const { unpacked } = await runner.run({ kind: "unpack", blobPath, digest, target });
      if (!unpacked) throw wrong();
      return unpacked;
    },
    async pack(upperDirectory, target) {
      const { packed } = await runner.run({ kind: "pack", upperDirectory, target });
      if (!packed) throw wrong();
      return packed;
    },
    async remove(path) {
      await runner.run({ kind: "remove", path });
    },
    close: () => runner.close(),
  };
}
