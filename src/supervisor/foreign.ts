import { closeSync, writeSync } from "node:fs";
import { openPidfd } from "../sys/pidfd.ts";
import { makePipe } from "../sys/pipe.ts";
import { startTicks } from "../sys/process.ts";
import { startWorker } from "../sys/worker.ts";

/** A request to the worker: watch this process too. */
export interface WatchRequest {
  /** Not the descriptor: its number may have been given to the next one when the result is read. */
  id: number;
  pidfd: number;
  pid: number;
  startTicks: number;
}
export interface WatchResult {
  id: number;
  exitCode: number | undefined;
}

/**
 * Waits for the ends of processes that are not our children: those an earlier supervisor started. A thread that sleeps in
 * poll(2) does it, started when there is the first.
 */
let watcher:
  | { watch(request: Omit<WatchRequest, "id">, onExit: (exitCode: number | undefined) => void): void }
  | undefined;

/** Calls `onExit` once, with the exit code where the kernel tells it. */
export function watchForeign(
  pid: number,
  ticks: number,
  onExit: (exitCode: number | undefined) => void,
): void {
  let pidfd: number;
  try {
    pidfd = openPidfd(pid);
  } catch {
    setImmediate(onExit, undefined);
    return;
  }
  // Until the descriptor was open, the pid could have been given to another process.
  if (startTicks(pid) !== ticks) {
    closeSync(pidfd);
    setImmediate(onExit, undefined);
    return;
  }
  watcher ??= startWatcher();
  watcher.watch({ pidfd, pid, startTicks: ticks }, onExit);
}

function startWatcher(): NonNullable<typeof watcher> {
  const { readFd, writeFd } = makePipe();
  const listeners = new Map<number, (exitCode: number | undefined) => void>();
  const worker = startWorker("supervisor/foreign.worker", { workerData: { wakeFd: readFd } });
  let lastId = 0;
  worker.on("message", ({ id, exitCode }: WatchResult) => {
    listeners.get(id)?.(exitCode);
    listeners.delete(id);
  });
  return {
    watch(request, onExit) {
      const id = ++lastId;
      listeners.set(id, onExit);
      worker.postMessage({ ...request, id } satisfies WatchRequest);
      writeSync(writeFd, "x");
    },
  };
}
