import { Socket } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { hasCode, internal } from "../errors.ts";
import type { PathStat } from "../formats/docker-api-system.ts";
import { decompress } from "../images/decompress.ts";
import { createJobRunner } from "../sys/jobs.ts";
import { makePipe } from "../sys/pipe.ts";
import type { ArchiveJob, ArchiveResult, ContainerFiles, WriteOptions } from "./archive-job.ts";
import type { FileChange } from "./diff.ts";

// A job lasts as long as its client reads or sends: many may wait on slow clients without holding up the others.
const threads = 64;
const runner = createJobRunner<ArchiveJob, ArchiveResult>("containers/archive.worker", threads);

/** @throws notFound `Could not find the file x in container y` */
export async function statPath(files: ContainerFiles, path: string): Promise<PathStat> {
  const { stat } = await runner.run({ kind: "stat", files, path });
  if (!stat) throw internal("the worker answered another question");
  return stat;
}

/** A tar of the file or directory at `path`. Whoever does not read the stream to its end destroys it. */
export async function readArchive(
  files: ContainerFiles,
  path: string,
): Promise<{ stat: PathStat; stream: Readable }> {
  const stat = await statPath(files, path);
  return { stat, stream: streamOf((outputFd) => ({ kind: "read", files, path, outputFd })) };
}

/**
 * Extracts a tar, compressed or not, into the directory at `path`.
 * @throws notFound; invalid `extraction point is not a directory`; forbidden when it is read-only
 */
export async function writeArchive(
  files: ContainerFiles,
  path: string,
  input: Readable,
  options: WriteOptions,
): Promise<void> {
  const { output } = await decompress(input);
  const { readFd, writeFd } = makePipe();
  const sent = pipeline(output, new Socket({ fd: writeFd, readable: false, writable: true }));
  const extracted = runner.run({ kind: "write", files, path, inputFd: readFd, options });
  const [sending, extracting] = await Promise.allSettled([sent, extracted]);
  // The worker stops reading when it fails: then a broken pipe only follows from that.
  if (sending.status === "rejected" && !hasCode(sending.reason, "EPIPE")) throw sending.reason;
  if (extracting.status === "rejected") throw extracting.reason;
}

/** A tar of the whole root file system. Whoever does not read it to its end destroys it. */
export async function exportRootfs(files: ContainerFiles): Promise<Readable> {
  await statPath({ ...files, mounts: [] }, "/");
  return streamOf((outputFd) => ({ kind: "export", files, outputFd }));
}

export async function listChanges(files: ContainerFiles): Promise<FileChange[]> {
  return (await runner.run({ kind: "changes", files })).changes ?? [];
}

/** Bytes of the files in the container's own layer. */
export async function upperSizeBytes(files: ContainerFiles): Promise<number> {
  return (await runner.run({ kind: "size", files })).sizeBytes ?? 0;
}

function streamOf(makeJob: (outputFd: number) => ArchiveJob): Readable {
  const { readFd, writeFd } = makePipe();
  const socket = new Socket({ fd: readFd, readable: true, writable: false });
  const done = runner.run(makeJob(writeFd));
  done.catch(() => {
    // Told at the end of the stream, if anyone reads that far.
  });
  const stream = Readable.from(endingWith(socket, done), { objectMode: false, highWaterMark: 256 * 1024 });
  // A generator that was never asked for anything does not clean up.
  stream.once("close", () => socket.destroy());
  return stream;
}

/** The stream only ends well when the job did: what it sent may be a part. */
async function* endingWith(socket: Socket, done: Promise<unknown>): AsyncGenerator<Buffer> {
  yield* socket;
  await done;
}
