import { closeSync, readSync } from "node:fs";
import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { exitCodeOf, waitReadable } from "../sys/pidfd.ts";
import type { WatchRequest, WatchResult } from "./foreign.ts";

const { wakeFd } = workerData as { wakeFd: number };
const port = parentPort!;
const pidfds = new Set<number>();

for (;;) {
  for (const ready of waitReadable([wakeFd, ...pidfds])) {
    if (ready === wakeFd) takeRequests();
    else reportExit(ready);
  }
}

/** The byte in the pipe only ends the sleep; what to watch comes as a message. */
function takeRequests(): void {
  readSync(wakeFd, Buffer.alloc(1));
  for (let got = receiveMessageOnPort(port); got; got = receiveMessageOnPort(port)) {
    pidfds.add((got.message as WatchRequest).pidfd);
  }
}

function reportExit(pidfd: number): void {
  pidfds.delete(pidfd);
  port.postMessage({ pidfd, exitCode: exitCodeOf(pidfd) } satisfies WatchResult);
  closeSync(pidfd);
}
