import { availableParallelism } from "node:os";
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
  close(): Promise<void>;
}

export function startImageJobs(): ImageJobs {
  const runner = createJobRunner<ImageJob, ImageJobResult>(
    "images/images.worker",
    Math.min(2, availableParallelism()),
  );
  return {
    async unpack(blobPath, digest, target) {
      const result = await runner.run({ kind: "unpack", blobPath, digest, target });
      if ("unpacked" in result) return result.unpacked;
      throw internal("the worker answered another question");
    },
    async pack(upperDirectory, target) {
      const result = await runner.run({ kind: "pack", upperDirectory, target });
      if ("packed" in result) return result.packed;
      throw internal("the worker answered another question");
    },
    close: () => runner.close(),
  };
}
