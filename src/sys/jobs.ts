import { type MessagePort, parentPort, type Worker } from "node:worker_threads";
import { EngineError, type ErrorKind, internal, messageOf } from "../errors.ts";
import { startWorker } from "./worker.ts";

/** Runs jobs on a few worker threads that start when there is work and end when there has been none for a while. */
export interface JobRunner<Job, Result> {
  /** Waits for a free thread. @throws what the job threw: an EngineError as it was, else an error with its `code` */
  run(job: Job): Promise<Result>;
  /** Ends the threads, in the middle of their jobs if need be. */
  close(): Promise<void>;
}

interface Failure {
  message: string;
  kind?: ErrorKind;
  code?: string;
  stack?: string;
}

type Answer<Result> = { result: Result } | { failure: Failure };

interface Task<Job, Result> {
  job: Job;
  resolve(result: Result): void;
  reject(error: Error): void;
}

const idleMilliseconds = 10_000;

/** `workerName` as for `startWorker`; that file calls `serveJobs` with the same types. */
export function createJobRunner<Job, Result>(workerName: string, threads: number): JobRunner<Job, Result> {
  const waiting: Task<Job, Result>[] = [];
  const idle = new Map<Worker, NodeJS.Timeout>();
  const all = new Set<Worker>();
  let isClosed = false;

  function next(): void {
    const task = waiting[0];
    if (!task) return;
    const [worker] = idle.keys();
    if (!worker && all.size >= threads) return;
    waiting.shift();
    give(worker ?? start(), task);
  }

  function start(): Worker {
    const worker = startWorker(workerName);
    all.add(worker);
    return worker;
  }

  function give(worker: Worker, task: Task<Job, Result>): void {
    clearTimeout(idle.get(worker));
    idle.delete(worker);
    worker.ref();
    const settle = (finish: () => void) => {
      // By name: without one Node's own listeners go too, and the worker's second answer never arrives.
      for (const event of ["message", "error", "exit"]) worker.removeAllListeners(event);
      finish();
      next();
    };
    worker.once("message", (answer: Answer<Result>) =>
      settle(() => {
        worker.unref();
        // Without a listener an "error" event would end the daemon.
        worker.on("error", () => drop(worker));
        idle.set(worker, setTimeout(() => drop(worker), idleMilliseconds).unref());
        if ("result" in answer) task.resolve(answer.result);
        else task.reject(reviveError(answer.failure));
      }),
    );
    const fail = (error: Error) => {
      drop(worker);
      settle(() => task.reject(error));
    };
    worker.once("error", fail);
    worker.once("exit", (code) => fail(internal(`worker ${workerName} ended with status ${code}`)));
    worker.postMessage(task.job);
  }

  function drop(worker: Worker): void {
    clearTimeout(idle.get(worker));
    idle.delete(worker);
    all.delete(worker);
    void worker.terminate();
  }

  return {
    run(job) {
      if (isClosed) return Promise.reject(internal("the engine is shutting down"));
      return new Promise((resolve, reject) => {
        waiting.push({ job, resolve, reject });
        next();
      });
    },
    async close() {
      isClosed = true;
      for (const task of waiting.splice(0)) task.reject(internal("the engine is shutting down"));
      for (const timer of idle.values()) clearTimeout(timer);
      idle.clear();
      await Promise.all([...all].map((worker) => worker.terminate()));
    },
  };
}

/** The worker's side: answers each job in turn. */
export function serveJobs<Job, Result>(handle: (job: Job) => Promise<Result> | Result): void {
  const port = parentPort as MessagePort;
  port.on("message", async (job: Job) => {
    let answer: Answer<Result>;
    try {
      answer = { result: await handle(job) };
    } catch (error) {
      answer = { failure: describeError(error) };
    }
    port.postMessage(answer);
  });
}

/** An error as a message between threads can carry it. */
function describeError(error: unknown): Failure {
  const failure: Failure = { message: messageOf(error) };
  if (error instanceof EngineError) failure.kind = error.kind;
  if (error instanceof Error && error.stack) failure.stack = error.stack;
  if (error instanceof Error && "code" in error && typeof error.code === "string") failure.code = error.code;
  return failure;
}

function reviveError({ message, kind, code, stack }: Failure): Error {
  if (kind) return new EngineError(kind, message);
  return Object.assign(new Error(message), code ? { code } : {}, stack ? { stack } : {});
}
