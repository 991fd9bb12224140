import { Socket } from "node:net";
import { addAbortSignal, Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { hasCode } from "../errors.ts";
import type { JobRunner } from "./jobs.ts";
import { makePipe } from "./pipe.ts";
import { closeDescriptor } from "./safe-path.ts";

/** Streams to and from jobs on threads, over pipes. */
export interface JobPipes<Job> {
  /**
   * What a job writes to `outputFd`. It ends well when the job does. The caller destroys a stream that it does not read to its
   * end; so does `signal`, at any time. @throws the signal's reason
   */
  read(makeJob: (outputFd: number) => Job, signal?: AbortSignal): Readable;
  /** Has a job read `input` from `inputFd`. @throws what the job throws, or `input` */
  write(input: Readable, makeJob: (inputFd: number) => Job): Promise<void>;
  /** Cuts off all streams. A thread that waits at the other end cannot be ended before. */
  destroy(reason: Error): void;
}

export function createJobPipes<Job>(runner: JobRunner<Job, unknown>): JobPipes<Job> {
  const sockets = new Set<Socket>();

  function open(fd: number, options: { readable: boolean; writable: boolean }): Socket {
    const socket = new Socket({ fd, ...options });
    sockets.add(socket);
    return socket.once("close", () => sockets.delete(socket));
  }

  /** The worker's end of a pipe is closed when the job is over, and also when it never began. */
  async function runClosing(job: Job, fd: number): Promise<void> {
    try {
      await runner.run(job);
    } finally {
      closeDescriptor(fd);
    }
  }

  return {
    read(makeJob, signal) {
      signal?.throwIfAborted();
      const { readFd, writeFd } = makePipe();
      const job = makeFor([writeFd, readFd], makeJob);
      const socket = open(readFd, { readable: true, writable: false });
      const done = runClosing(job, writeFd);
      done.catch(() => {
        // Told at the end of the stream, if anyone reads that far.
      });
      const stream = readUntil(socket, done);
      return signal ? addAbortSignal(signal, stream) : stream;
    },
    async write(input, makeJob) {
      const { readFd, writeFd } = makePipe();
      const job = makeFor([readFd, writeFd], makeJob);
      const sent = pipeline(input, open(writeFd, { readable: false, writable: true }));
      const received = runClosing(job, readFd);
      const [sending, receiving] = await Promise.allSettled([sent, received]);
      // The worker stops reading when it fails: then a broken pipe only follows from that.
      if (sending.status === "rejected" && !hasCode(sending.reason, "EPIPE")) throw sending.reason;
      if (receiving.status === "rejected") throw receiving.reason;
    },
    destroy(reason) {
      for (const socket of sockets) socket.destroy(reason);
    },
  };
}

/** Closes a pipe for which no job can be made. @param pipe the job's end first */
function makeFor<Job>(pipe: readonly [number, number], makeJob: (fd: number) => Job): Job {
  try {
    return makeJob(pipe[0]);
  } catch (error) {
    for (const fd of pipe) closeDescriptor(fd);
    throw error;
  }
}

/** What comes out of the socket. It only ends well when the job did: what it sent may be a part. */
function readUntil(socket: Socket, done: Promise<unknown>): Readable {
  const stream = Readable.from(endingWith(socket, done), { objectMode: false, highWaterMark: 256 * 1024 });
  // A generator that was never asked for anything does not clean up.
  stream.once("close", () => socket.destroy());
  // The caller may not listen yet.
  return stream.on("error", () => {});
}

async function* endingWith(socket: Socket, done: Promise<unknown>): AsyncGenerator<Buffer> {
  yield* socket;
  await done;
}
