import type { Digest } from "../formats/digest.ts";
import { serveJobs } from "../sys/jobs.ts";
import type { SpooledBlob } from "./blobs.ts";
import { packLayer } from "./pack-layer.ts";
import { type Unpacked, unpackLayer } from "./unpack.ts";

/** What is too heavy for the daemon's own thread. */
export type ImageJob =
  | { kind: "unpack"; blobPath: string; digest: Digest; target: string }
  | { kind: "pack"; upperDirectory: string; target: string };

export type ImageJobResult = { unpacked: Unpacked } | { packed: SpooledBlob };

serveJobs<ImageJob, ImageJobResult>(async (job) => {
  if (job.kind === "pack") return { packed: packLayer(job.upperDirectory, job.target) };
  return { unpacked: await unpackLayer(job.blobPath, job.digest, job.target) };
});
