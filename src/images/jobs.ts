import { Socket } from "node:net";
import { availableParallelism } from "node:os";
import { internal } from "../errors.ts";
import type { Digest } from "../formats/digest.ts";
import { sendToJob } from "../sys/job-input.ts";
import { createJobRunner } from "../sys/jobs.ts";
import { makePipe } from "../sys/pipe.ts";
import type { ArchivedImage } from "./archive/archive-manifest.ts";
import type { FileAnalysis } from "./explore/analyze.ts";
import type { ImageJob, ImageJobResult } from "./images.worker.ts";
import type { StoredBlob } from "./plain-archive.ts";
import type { Arrival, Received } from "./pull/receive-layer.ts";
import type { LayerPacking } from "./push/compress-layer.ts";
import type { ArchiveStream, ReceivedArchive } from "./receive-archive.ts";
import type { StagedTree, StageOptions } from "./stage-tree.ts";
import type { SpooledBlob } from "./store/blobs.ts";
import type { Unpacked } from "./unpack.ts";

/** The image store's worker threads. */
export interface ImageJobs {
  /** See `unpackLayer`. */
  unpack(source: StoredBlob, digest: Digest, target: string, framePath?: string): Promise<Unpacked>;
  /** Verifies and unpacks a blob while it arrives: see `receiveLayer`. */
  receive(arrival: Arrival, signal: AbortSignal): Promise<Received>;
  /** See `stageTree`. @throws the signal's reason */
  stage(options: StageOptions, signal?: AbortSignal): Promise<StagedTree>;
  /** See `compressLayer`. */
  compress(
    source: StoredBlob,
    target: string,
    signal: AbortSignal,
    packing?: LayerPacking,
  ): Promise<SpooledBlob>;
  /** See `recordArchive`. */
  record(path: string, target: string, directory: string, digest: Digest): Promise<void>;
  /** Puts a blob into the new file `target`. @throws internal when it is not what it was; then there is no file */
  write(source: StoredBlob, target: string): Promise<void>;
  /** A blob's bytes, as fast as they are taken. @throws internal, in the end, when it is not what it was */
  read(source: StoredBlob): AsyncGenerator<Buffer>;
  /** @throws internal when it is not what it was */
  verify(source: StoredBlob): Promise<void>;
  /** Unpacks a layer's plain archive as it comes: see `receiveArchive`. @throws what `chunks` throws */
  receiveArchive(chunks: AsyncIterable<Buffer>, places: ArchivePlaces): Promise<ReceivedArchive>;
  /** See `analyzeFiles`. */
  analyze(directories: readonly string[], signal?: AbortSignal): Promise<FileAnalysis>;
  /** See `encodeEntries`. */
  listEntries(directory: string): AsyncGenerator<Buffer>;
  /** The bytes of a file of a root file system. @param directories topmost first @throws notFound */
  readFile(directories: readonly string[], path: string): AsyncGenerator<Buffer>;
  /** What a docker-archive's `manifest.json` lists. @throws invalid */
  listArchive(path: string): Promise<ArchivedImage[]>;
  close(): Promise<void>;
}

/** One more than are busy unpacking at a time on a small machine, so that a removal need not wait for them. */
const threads = availableParallelism() > 2 ? 4 : 3;
/** How many layers may unpack at a time while they still come, which may take long. */
export const unpackers = threads - 1;

export type ArchivePlaces = Pick<ArchiveStream, "target" | "framePath" | "wholePath">;

/** They wait for their clients. */
const sendersPerThread = 16;

export function startImageJobs(): ImageJobs {
  const runner = createJobRunner<ImageJob, ImageJobResult>("images/images.worker", threads);
  const senders = createJobRunner<ImageJob, ImageJobResult>("images/images.worker", 2, sendersPerThread);
  // One at a time: it may take long, and nothing else is to wait for it.
  const analysts = createJobRunner<ImageJob, ImageJobResult>("images/images.worker", 1);
  return {
    ...startReaders(analysts, senders),
    async unpack(source, digest, target, framePath) {
      const { unpacked } = await runner.run({
        ...{ kind: "unpack", source, digest, target },
        ...(framePath !== undefined && { framePath }),
      });
      if (!unpacked) throw wrong();
      return unpacked;
    },
    async receive(arrival, signal) {
      const { received } = await runner.run({ kind: "receive", arrival }, signal);
      if (!received) throw wrong();
      return received;
    },
    async stage(options, signal) {
      const { staged } = await runner.run({ kind: "stage", options }, signal);
      if (!staged) throw wrong();
      return staged;
    },
    async compress(source, target, signal, packing) {
      const job = { kind: "compress" as const, source, target, ...(packing && { packing }) };
      const { packed } = await runner.run(job, signal);
      if (!packed) throw wrong();
      return packed;
    },
    async record(path, target, directory, digest) {
      await runner.run({ kind: "record", path, target, directory, digest });
    },
    async write(source, target) {
      await runner.run({ kind: "write", source, target });
    },
    read: (source) => pipeFrom((fd) => senders.run({ kind: "send", source, fd })),
    async receiveArchive(chunks, places) {
      const { archive } = await sendToJob(chunks, (input) =>
        senders.run({ kind: "receiveArchive", stream: { input, ...places } }, undefined, [input]),
      );
      if (!archive) throw wrong();
      return archive;
    },
    async verify(source) {
      await runner.run({ kind: "verify", source });
    },
    async listArchive(path) {
      const { archived } = await runner.run({ kind: "listArchive", path });
      if (!archived) throw wrong();
      return archived;
    },
    async close() {
      await Promise.all([runner.close(), senders.close(), analysts.close()]);
    },
  };
}

type Runner = ReturnType<typeof createJobRunner<ImageJob, ImageJobResult>>;

const wrong = () => internal("internal error: unexpected reply from worker");

/** Looks into unpacked layers. */
function startReaders(
  analysts: Runner,
  senders: Runner,
): Pick<ImageJobs, "analyze" | "listEntries" | "readFile"> {
  return {
    async analyze(directories, signal) {
      const { analysis } = await analysts.run({ kind: "analyze", directories }, signal);
      if (!analysis) throw wrong();
      return analysis;
    },
    listEntries: (directory) => pipeFrom((fd) => senders.run({ kind: "listEntries", directory, fd })),
    readFile: (directories, path) =>
      pipeFrom((fd) => senders.run({ kind: "readFile", directories, path, fd })),
  };
}

/** What a thread sends through a pipe. */
async function* pipeFrom(send: (fd: number) => Promise<unknown>): AsyncGenerator<Buffer> {
  const { readFd, writeFd } = makePipe();
  const output = new Socket({ fd: readFd, readable: true, writable: false });
  const sent = send(writeFd);
  sent.catch(() => output.destroy());
  try {
    yield* output as AsyncIterable<Buffer>;
    await sent;
  } catch (error) {
    // That the pipe was closed is what comes of the thread's own failure.
    await sent;
    throw error;
  } finally {
    output.destroy();
  }
}
