import type { Readable } from "node:stream";
import { internal, unavailable } from "../../errors.ts";
import type { ContainerDirectory } from "../../formats/docker-api/docker-api-layers.ts";
import type { PathStat } from "../../formats/docker-api/docker-api-system.ts";
import { abortable } from "../../sys/abortable.ts";
import { createJobPipes } from "../../sys/job-pipes.ts";
import { createJobRunner } from "../../sys/jobs.ts";
import { createNamedTurns } from "../../sys/named-turns.ts";
import { createNamedGates } from "../../sys/queue.ts";
import { detect } from "../../trees/decompress.ts";
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
   * Extracts a tar, compressed or not, into the directory at `path`. Of the files it asks when its turn has come: the container may
   * have been started until then.
   * @throws notFound; invalid `extraction point is not a directory`, and when it is read-only
   */
  write(
    filesNow: () => ContainerFiles,
    path: string,
    input: Readable,
    options: WriteOptions & { signal?: AbortSignal },
  ): Promise<void>;
  /** To have an upper directory to oneself: two mounts of one would spoil it. */
  takeTurn(upper: string): Turn;
  /** A tar of the whole root file system, as `read` gives it. */
  export(files: ContainerFiles, signal?: AbortSignal): Promise<Readable>;
  listChanges(files: ContainerFiles, signal?: AbortSignal): Promise<FileChange[]>;
  /** Makes a directory with its missing parents. @throws invalid `Cannot mkdir: x is not a directory` */
  makeDirectory(files: ContainerFiles, path: string): Promise<void>;
  /** Cuts off all that is under way. */
  close(): Promise<void>;
}

interface Turn {
  /** @throws the signal's reason */
  begun(signal?: AbortSignal): Promise<void>;
  end(): void;
}

// A job lasts as long as its client reads or sends: many may wait on slow clients without holding up the others.
const streamThreads = 64;
/** For jobs that wait for no client. */
const lookThreads = 16;
/** A container whose volume does not answer leaves threads for the others. */
const looksPerContainer = 2;

export function createArchives(): Archives {
  const start = (threads: number) =>
    createJobRunner<ArchiveJob, ArchiveResult>("containers/archive.worker", threads);
  const looks = start(lookThreads);
  const streams = start(streamThreads);
  const pipes = createJobPipes(streams);
  const takeTurn = createTurnTaker();

  const inGate = createNamedGates(looksPerContainer);
  const look = (job: ArchiveJob, signal?: AbortSignal) =>
    abortable(
      inGate(job.files.upper, () => looks.run(job, signal), signal),
      signal,
    );

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
    takeTurn,
    async write(filesNow, path, input, { signal, ...options }) {
      // A client that sends nothing holds up no start.
      const { open } = await detect(input);
      const turn = takeTurn(filesNow().upper);
      try {
        await turn.begun(signal);
        await pipes.write(open(), (inputFd) => ({
          kind: "write",
          files: filesNow(),
          path,
          inputFd,
          options,
        }));
      } finally {
        turn.end();
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
      await Promise.all([looks.close(), streams.close()]);
    },
  };
}

function createTurnTaker(): Archives["takeTurn"] {
  const { inTurn } = createNamedTurns();
  return (upper) => {
    const [begun, ended] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    void inTurn(upper, () => {
      begun.resolve();
      return ended.promise;
    });
    return { begun: (signal) => abortable(begun.promise, signal), end: ended.resolve };
  };
}
