import { type MessagePort, parentPort, type Transferable, type Worker } from "node:worker_threads";
import { decodeError, type EncodedError, encodeError, internal, unavailable } from "../errors.ts";
import { largeYoungGeneration, startWorker } from "./worker.ts";

/** Runs jobs on a few worker threads that start when there is work and end when there has been none for a while. */
export interface JobRunner<Job, Result> {
  /**
   * Waits for a free thread. `signal` stops the job; one that still waits never starts.
   * @param given parts of the job that the thread has alone from then on
   * @throws what the job threw: an EngineError as it was, else an error with its `code`; the signal's reason
   */
  run(job: Job, signal?: AbortSignal, given?: readonly Transferable[]): Promise<Result>;
  /** Ends the threads, in the middle of their jobs if need be, and waits a little for them. No job is under way after that. */
  close(): Promise<void>;
}

type Answer<Result> = { id: number } & ({ result: Result } | { failure: EncodedError });
type Question<Job> = { id: number } & (
  | { job: Job; isUnwanted: SharedArrayBuffer | undefined }
  | { abort: true }
);

interface Task<Job, Result> {
  id: number;
  job: Job;
  signal: AbortSignal | undefined;
  given: readonly Transferable[] | undefined;
  resolve(result: Result): void;
  reject(error: Error): void;
}

interface Thread<Job, Result> {
  worker: Worker;
  tasks: Map<number, Task<Job, Result>>;
  idleTimer?: NodeJS.Timeout;
}

/** Long enough for threads to stay warm between one pull or load and the next. */
const idleMilliseconds = 30_000;

/** A thread may sleep in a file system that does not answer. */
const longestEndMilliseconds = 2000;

/**
 * `workerName` as for `startWorker`; that file calls `serveJobs` with the same types. A thread does `jobsPerThread` jobs at a
 * time: one, unless they mostly wait.
 */
export function createJobRunner<Job, Result>(
  workerName: string,
  threads: number,
  jobsPerThread = 1,
): JobRunner<Job, Result> {
  const waiting: Task<Job, Result>[] = [];
  const all = new Set<Thread<Job, Result>>();
  let isClosed = false;
  let sequence = 0;

  function next(): void {
    while (waiting.length > 0) {
      const free = [...all].filter(({ tasks }) => tasks.size < jobsPerThread);
      const idle = free.find(({ tasks }) => tasks.size === 0) ?? (all.size < threads ? start() : free[0]);
      if (!idle) return;
      give(idle, waiting.shift()!);
    }
  }

  function start(): Thread<Job, Result> {
    const worker = startWorker(workerName, { resourceLimits: largeYoungGeneration });
    const thread: Thread<Job, Result> = { worker, tasks: new Map() };
    all.add(thread);
    worker.on("message", (answer: Answer<Result>) => {
      const task = thread.tasks.get(answer.id);
      if (!task) return;
      thread.tasks.delete(answer.id);
      if (thread.tasks.size === 0) rest(thread);
      if ("result" in answer) task.resolve(answer.result);
      else task.reject(task.signal?.aborted ? task.signal.reason : decodeError(answer.failure));
      next();
    });
    worker.on("error", (error) => drop(thread, error as Error));
    worker.on("exit", (code) =>
      drop(thread, isClosed ? undefined : internal(`worker ${workerName} ended with status ${code}`)),
    );
    return thread;
  }

  function give(thread: Thread<Job, Result>, task: Task<Job, Result>): void {
    clearTimeout(thread.idleTimer);
    thread.worker.ref();
    thread.tasks.set(task.id, task);
    ask(thread.worker, task);
  }

  function rest(thread: Thread<Job, Result>): void {
    thread.worker.unref();
    thread.idleTimer = setTimeout(() => drop(thread), idleMilliseconds).unref();
  }

  function drop(thread: Thread<Job, Result>, error?: Error): void {
    clearTimeout(thread.idleTimer);
    all.delete(thread);
    const tasks = [...thread.tasks.values()];
    thread.tasks.clear();
    void thread.worker.terminate();
    for (const task of tasks) task.reject(error ?? unavailable("the engine is shutting down"));
    if (!isClosed) next();
  }

  return {
    run(job, signal, given) {
      if (isClosed) return Promise.reject(unavailable("the engine is shutting down"));
      if (signal?.aborted) return Promise.reject(signal.reason);
      return new Promise((resolve, reject) => {
        enqueue(waiting, { id: ++sequence, job, signal, given, resolve, reject });
        next();
      });
    },
    async close() {
      isClosed = true;
      for (const task of waiting.splice(0)) task.reject(unavailable("the engine is shutting down"));
      await endInTime([...all].map(({ worker }) => worker));
      for (const thread of all) drop(thread);
    },
  };
}

async function endInTime(workers: Worker[]): Promise<void> {
  const impatience = Promise.withResolvers<void>();
  const timer = setTimeout(impatience.resolve, longestEndMilliseconds);
  await Promise.race([Promise.all(workers.map((worker) => worker.terminate())), impatience.promise]);
  clearTimeout(timer);
}

/** Has the task wait for a thread, as long as it is wanted. */
function enqueue<Job, Result>(waiting: Task<Job, Result>[], task: Task<Job, Result>): void {
  const { signal, reject } = task;
  waiting.push(task);
  signal?.addEventListener("abort", () => {
    const place = waiting.indexOf(task);
    if (place < 0) return;
    waiting.splice(place, 1);
    reject(signal.reason);
  });
}

/** Hands a job to a thread, and tells it when the job is no longer wanted: also one that is too busy to read messages. */
function ask<Job, Result>(worker: Worker, { id, job, signal, given }: Task<Job, Result>): void {
  const isUnwanted = signal && new SharedArrayBuffer(4);
  worker.postMessage({ id, job, isUnwanted } satisfies Question<Job>, given);
  signal?.addEventListener("abort", () => {
    if (isUnwanted) Atomics.store(new Int32Array(isUnwanted), 0, 1);
    worker.postMessage({ id, abort: true } satisfies Question<Job>);
  });
}

/** Throws when the job is no longer wanted. For work that does not come to read messages meanwhile. */
export type CheckWanted = () => void;

function createCheck(isUnwanted: SharedArrayBuffer | undefined): CheckWanted {
  const flag = isUnwanted && new Int32Array(isUnwanted);
  return () => {
    if (flag && Atomics.load(flag, 0) !== 0) throw new Error("the job is no longer wanted");
  };
}

/** The worker's side: answers each job, and aborts `signal` when it is no longer wanted. */
export function serveJobs<Job, Result>(
  handle: (job: Job, signal: AbortSignal, checkWanted: CheckWanted) => Promise<Result> | Result,
): void {
  const port = parentPort as MessagePort;
  const running = new Map<number, AbortController>();
  port.on("message", async (question: Question<Job>) => {
    const { id } = question;
    if ("abort" in question) {
      running.get(id)?.abort();
      return;
    }
    const controller = new AbortController();
    running.set(id, controller);
    let answer: Answer<Result>;
    try {
      const checkWanted = createCheck(question.isUnwanted);
      answer = { id, result: await handle(question.job, controller.signal, checkWanted) };
    } catch (error) {
      answer = { id, failure: encodeError(error) };
    }
    running.delete(id);
    port.postMessage(answer);
  });
}
