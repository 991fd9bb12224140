import { writeSync } from "node:fs";
import { openPidfd } from "../sys/pidfd.ts";
import { makePipe } from "../sys/pipe.ts";
import { startTicks } from "../sys/process.ts";
import { startWorker } from "../sys/worker.ts";

/** What the worker is told: this process is to be watched too. */
export interface WatchRequest {
  pidfd: number;
  pid: number;
  startTicks: number;
}
export interface WatchResult {
  pidfd: number;
  exitCode: number | undefined;
}

/**
 * Waits for the ends of processes that are not our children: those an earlier supervisor started. A thread that sleeps in
 * poll(2) does it, started when there is the first.
 */
let watcher:
  | { watch(request: WatchRequest, onExit: (exitCode: number | undefined) => void): void }
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
  worker.on("message", ({ pidfd, exitCode }: WatchResult) => {
    listeners.get(pidfd)?.(exitCode);
    listeners.delete(pidfd);
  });
  return {
    watch(request, onExit) {
      listeners.set(request.pidfd, onExit);
      worker.postMessage(request);
      writeSync(writeFd, "x");
    },
  };
}
