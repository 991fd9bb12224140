import type { Digest } from "../formats/digest.ts";
import { serveJobs } from "../sys/jobs.ts";
import { type Unpacked, unpackLayer } from "./unpack.ts";

/** What is too heavy for the daemon's own thread. */
export interface ImageJob {
  kind: "unpack";
  blobPath: string;
  digest: Digest;
  target: string;
}

serveJobs<ImageJob, Unpacked>((job) => unpackLayer(job.blobPath, job.digest, job.target));
