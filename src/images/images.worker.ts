import { readFileSync } from "node:fs";
import type { Digest } from "../formats/digest.ts";
import { serveJobs } from "../sys/jobs.ts";
import { type ArchivedImage, parseArchiveManifest } from "./archive/archive-manifest.ts";
import { analyzeFiles, encodeEntries, type FileAnalysis } from "./explore/analyze.ts";
import { readLayeredFile } from "./explore/read-file.ts";
import {
  recordArchive,
  type StoredBlob,
  sendBlob,
  sendPieces,
  verifyBlob,
  writeBlob,
} from "./plain-archive.ts";
import { type Arrival, type Received, receiveLayer } from "./pull/receive-layer.ts";
import { compressLayer, type LayerPacking } from "./push/compress-layer.ts";
import { type ArchiveStream, type ReceivedArchive, receiveArchive } from "./receive-archive.ts";
import { type StagedTree, type StageOptions, stageTree } from "./stage-tree.ts";
import type { SpooledBlob } from "./store/blobs.ts";
import { type Unpacked, unpackLayer } from "./unpack.ts";

/** What is too heavy for the daemon's own thread. */
export type ImageJob =
  | { kind: "unpack"; source: StoredBlob; digest: Digest; target: string; framePath?: string }
  | { kind: "receive"; arrival: Arrival }
  | { kind: "stage"; options: StageOptions }
  | { kind: "compress"; source: StoredBlob; target: string; packing?: LayerPacking }
  | { kind: "record"; path: string; target: string; directory: string; digest: Digest }
  | { kind: "write"; source: StoredBlob; target: string }
  | { kind: "send"; source: StoredBlob; fd: number }
  | { kind: "receiveArchive"; stream: ArchiveStream }
  | { kind: "verify"; source: StoredBlob }
  | { kind: "analyze"; directories: readonly string[] }
  | { kind: "listEntries"; directory: string; fd: number }
  | { kind: "readFile"; directories: readonly string[]; path: string; fd: number }
  | { kind: "listArchive"; path: string };

export interface ImageJobResult {
  unpacked?: Unpacked;
  received?: Received;
  packed?: SpooledBlob;
  staged?: StagedTree;
  archived?: ArchivedImage[];
  analysis?: FileAnalysis;
  archive?: ReceivedArchive;
}

serveJobs<ImageJob, ImageJobResult>(async (job, signal, checkWanted) => {
  switch (job.kind) {
    case "unpack":
      return { unpacked: await unpackLayer(job.source, job.digest, job.target, job.framePath) };
    case "receive":
      return { received: await receiveLayer(job.arrival, signal) };
    case "stage":
      return { staged: stageTree(job.options, checkWanted) };
    case "compress":
      return { packed: await compressLayer(job.source, job.target, signal, job.packing) };
    case "record":
      recordArchive(job.path, job.target, job.directory, job.digest);
      return {};
    case "write":
      writeBlob(job.source, job.target);
      return {};
    case "send":
      await sendBlob(job.source, job.fd);
      return {};
    case "receiveArchive":
      return { archive: await receiveArchive(job.stream) };
    case "verify":
      verifyBlob(job.source);
      return {};
    case "analyze":
      return { analysis: analyzeFiles(job.directories, checkWanted) };
    case "listEntries":
      await sendPieces(encodeEntries(job.directory), job.fd);
      return {};
    case "readFile":
      await sendPieces(readLayeredFile(job.directories, job.path), job.fd);
      return {};
    case "listArchive":
      return { archived: parseArchiveManifest(readFileSync(job.path, "utf8")) };
  }
});
