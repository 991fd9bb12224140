import type { Readable } from "node:stream";
import { internal, unavailable } from "../../errors.ts";
import type { ContainerDirectory } from "../../formats/docker-api/docker-api-layers.ts";
import type { PathStat } from "../../formats/docker-api/docker-api-system.ts";
import { abortable } from "../../sys/abortable.ts";
import { createJobPipes } from "../../sys/job-pipes.ts";
import { createJobRunner } from "../../sys/jobs.ts";
import { createGate } from "../../sys/queue.ts";
import { decompress } from "../../trees/decompress.ts";
import type { FileChange } from "../../trees/diff.ts";
import type { ArchiveJob, ArchiveResult, ContainerFiles, WriteOptions } from "./archive-job.ts";

/** Reads and writes containers' files, on threads. */
export interface Archives {
  /** @throws notFound `Could not find the file x in container y` */
  stat(files: ContainerFiles, path: string, signal?: AbortSignal): Promise<PathStat>;
  /** What is in a directory; links are followed. @throws notFound as `stat`; invalid for what is no directory */
  list(files: ContainerFiles, path: string, signal?: AbortSignal): Promise<ContainerDirectory>;
  /**
   * A tar of the file or directory at `path`. The caller destroys a stream that it does not read to its end; so does `signal`,
   * at any time.
   * @throws notFound; the signal's reason
   */
  read(
    files: ContainerFiles,
    path: string,
    signal?: AbortSignal,
  ): Promise<{ stat: PathStat; stream: Readable }>;
  /**
   * Extracts a tar, compressed or not, into the directory at `path`.
   * @throws notFound; invalid `extraction point is not a directory`, and when it is read-only
   */
  write(files: ContainerFiles, path: string, input: Readable, options: WriteOptions): Promise<void>;
  /** A tar of the whole root file system, as `read` gives it. */
  export(files: ContainerFiles, signal?: AbortSignal): Promise<Readable>;
  listChanges(files: ContainerFiles, signal?: AbortSignal): Promise<FileChange[]>;
  /** Makes a directory with its missing parents. @throws invalid `Cannot mkdir: x is not a directory` */
  makeDirectory(files: ContainerFiles, path: string): Promise<void>;
  /** Cuts off all that is under way. */
  close(): Promise<void>;
}

// A job lasts as long as its client reads or sends: many may wait on slow clients without holding up the others.
const streamThreads = 64;
/** For jobs that wait for no client. */
const lookThreads = 16;
/** A container whose volume does not answer leaves threads for the others. */
const looksPerContainer = 2;

/** A thread may sleep in a file system that does not answer. */
const longestEndMilliseconds = 2000;

export function createArchives(): Archives {
  const start = (threads: number) =>
    createJobRunner<ArchiveJob, ArchiveResult>("containers/archive.worker", threads);
  const looks = start(lookThreads);
  const streams = start(streamThreads);
  const pipes = createJobPipes(streams);
  const writers = createTurns();

  const gates = new Map<string, { enter: ReturnType<typeof createGate>; users: number }>();

  async function look(job: ArchiveJob, signal?: AbortSignal): Promise<ArchiveResult> {
    const { upper } = job.files;
    const gate = gates.get(upper) ?? { enter: createGate(looksPerContainer), users: 0 };
    gates.set(upper, gate);
    gate.users++;
    const done = gate.enter(() => looks.run(job, signal));
    const leave = () => --gate.users === 0 && gates.delete(upper);
    done.then(leave, leave);
    return abortable(done, signal);
  }

  async function stat(files: ContainerFiles, path: string, signal?: AbortSignal): Promise<PathStat> {
    const { stat: found } = await look({ kind: "stat", files, path }, signal);
    if (!found) throw internal("internal error: unexpected reply from worker");
    return found;
  }

  return {
    stat,
    async list(files, path, signal) {
      const { directory } = await look({ kind: "list", files, path }, signal);
      if (!directory) throw internal("internal error: unexpected reply from worker");
      return directory;
    },
    async read(files, path, signal) {
      const found = await stat(files, path, signal);
      const makeJob = (outputFd: number): ArchiveJob => ({ kind: "read", files, path, outputFd });
      return { stat: found, stream: pipes.read(makeJob, signal) };
    },
    async write(files, path, input, options) {
      // Two mounts of one upper directory would spoil it.
      const turn = files.process ? undefined : await writers.enter(files.upper);
      try {
        const { output } = await decompress(input);
        await pipes.write(output, (inputFd) => ({ kind: "write", files, path, inputFd, options }));
      } finally {
        turn?.leave();
      }
    },
    async export(files, signal) {
      await stat({ ...files, mounts: [] }, "/", signal);
      return pipes.read((outputFd) => ({ kind: "export", files, outputFd }), signal);
    },
    async listChanges(files, signal) {
      return (await look({ kind: "changes", files }, signal)).changes ?? [];
    },
    async makeDirectory(files, path) {
      await look({ kind: "makeDirectory", files, path });
    },

    async close() {
      pipes.destroy(unavailable("the engine is shutting down"));
      const impatience = Promise.withResolvers<void>();
      const timer = setTimeout(impatience.resolve, longestEndMilliseconds);
      await Promise.race([Promise.all([looks.close(), streams.close()]), impatience.promise]);
      clearTimeout(timer);
    },
  };
}

/** Gives each name to one caller at a time, in the order they ask. */
function createTurns() {
  const last = new Map<string, Promise<void>>();
  return {
    async enter(name: string): Promise<{ leave(): void }> {
      const before = last.get(name);
      const left = Promise.withResolvers<void>();
      last.set(name, left.promise);
      await before;
      return {
        leave() {
          left.resolve();
          if (last.get(name) === left.promise) last.delete(name);
        },
      };
    },
  };
}
