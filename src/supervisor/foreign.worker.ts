import { closeSync, readSync } from "node:fs";
import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { exitCodeOf, waitReadable } from "../sys/pidfd.ts";
import { zombieExitCode } from "../sys/process.ts";
import type { WatchRequest, WatchResult } from "./foreign.ts";

const { wakeFd } = workerData as { wakeFd: number };
const port = parentPort!;
const watched = new Map<number, WatchRequest>();

for (;;) {
  for (const ready of waitReadable([wakeFd, ...watched.keys()])) {
    if (ready === wakeFd) takeRequests();
    else reportExit(ready);
  }
}

/** The byte in the pipe only ends the sleep; what to watch comes as a message. */
function takeRequests(): void {
  readSync(wakeFd, Buffer.alloc(1));
  for (let got = receiveMessageOnPort(port); got; got = receiveMessageOnPort(port)) {
    const request: WatchRequest = got.message;
    watched.set(request.pidfd, request);
  }
}

/** The kernel tells in one place before the parent has collected the process, and in another afterwards. */
function reportExit(pidfd: number): void {
  const { id, pid, startTicks } = watched.get(pidfd)!;
  watched.delete(pidfd);
  const exitCode = zombieExitCode(pid, startTicks) ?? exitCodeOf(pidfd);
  port.postMessage({ id, exitCode } satisfies WatchResult);
  closeSync(pidfd);
}
