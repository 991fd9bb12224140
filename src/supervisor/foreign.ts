import { closeSync, writeSync } from "node:fs";
import type { Worker } from "node:worker_threads";
import { openPidfd } from "../sys/pidfd.ts";
import { makePipe } from "../sys/pipe.ts";
import { hasEnded, startTicks } from "../sys/process.ts";
import { closeDescriptor } from "../sys/safe-path.ts";
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

const retryMilliseconds = 1000;

/**
 * Calls `onExit` once, with the exit code where the kernel tells it, and never for one that lives. Where descriptors are used up
 * it asks again until there is one.
 */
export function watchForeign(
  pid: number,
  ticks: number,
  onExit: (exitCode: number | undefined) => void,
): void {
  let pidfd: number | undefined;
  try {
    pidfd = openPidfd(pid);
    // Until the descriptor was open, the pid could have been given to another process.
    if (startTicks(pid) === ticks) {
      watcher ??= startWatcher();
      watcher.watch({ pidfd, pid, startTicks: ticks }, onExit);
      return;
    }
  } catch {
    // What is the matter shows in whether it lives.
  }
  if (pidfd !== undefined) closeSync(pidfd);
  if (hasEnded(pid, ticks)) setImmediate(onExit, undefined);
  else setTimeout(watchForeign, retryMilliseconds, pid, ticks, onExit);
}

/** @throws where there are no descriptors */
function startWatcher(): NonNullable<typeof watcher> {
  const { readFd, writeFd } = makePipe();
  const waiting = new Map<number, WatchRequest & { onExit(exitCode: number | undefined): void }>();
  const close = () => [readFd, writeFd].forEach(closeDescriptor);
  const worker = startWatching(readFd, close);
  let lastId = 0;
  worker.on("message", ({ id, exitCode }: WatchResult) => {
    waiting.get(id)?.onExit(exitCode);
    waiting.delete(id);
  });
  // It comes to no start without descriptors for itself.
  worker.on("error", () => {
    watcher = undefined;
    close();
    for (const { pidfd, pid, startTicks: ticks, onExit } of waiting.values()) {
      closeSync(pidfd);
      setTimeout(watchForeign, retryMilliseconds, pid, ticks, onExit);
    }
  });
  return {
    watch(request, onExit) {
      const id = ++lastId;
      waiting.set(id, { ...request, id, onExit });
      worker.postMessage({ ...request, id } satisfies WatchRequest);
      writeSync(writeFd, "x");
    },
  };
}

function startWatching(wakeFd: number, close: () => void): Worker {
  try {
    return startWorker("supervisor/foreign.worker", { workerData: { wakeFd } });
  } catch (error) {
    close();
    throw error;
  }
}
