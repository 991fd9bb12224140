import { readFileSync, rmSync } from "node:fs";
import type { Digest } from "../formats/digest.ts";
import { serveJobs } from "../sys/jobs.ts";
import { type ArchivedImage, parseArchiveManifest } from "./archive-manifest.ts";
import type { SpooledBlob } from "./blobs.ts";
import { compressLayer } from "./compress-layer.ts";
import { measureTree } from "./measure-tree.ts";
import { packLayer } from "./pack-layer.ts";
import { type Arrival, type Received, receiveLayer } from "./receive-layer.ts";
import { type Unpacked, unpackLayer } from "./unpack.ts";

/** What is too heavy for the daemon's own thread. */
export type ImageJob =
  | { kind: "unpack"; blobPath: string; digest: Digest; target: string }
  | { kind: "receive"; arrival: Arrival }
  | { kind: "pack"; upperDirectory: string; target: string }
  | { kind: "compress"; path: string; target: string }
  | { kind: "listArchive"; path: string }
  | { kind: "remove"; path: string }
  | { kind: "measure"; path: string };

export interface ImageJobResult {
  unpacked?: Unpacked;
  received?: Received;
  packed?: SpooledBlob;
  archived?: ArchivedImage[];
  bytes?: number;
}

serveJobs<ImageJob, ImageJobResult>(async (job, signal) => {
  switch (job.kind) {
    case "unpack":
      return { unpacked: await unpackLayer(job.blobPath, job.digest, job.target) };
    case "receive":
      return { received: await receiveLayer(job.arrival, signal) };
    case "pack":
      return { packed: packLayer(job.upperDirectory, job.target) };
    case "compress":
      return { packed: await compressLayer(job.path, job.target, signal) };
    case "listArchive":
      return { archived: parseArchiveManifest(readFileSync(job.path, "utf8")) };
    case "remove":
      rmSync(job.path, { recursive: true, force: true });
      return {};
    case "measure":
      return { bytes: measureTree(job.path) };
  }
});
