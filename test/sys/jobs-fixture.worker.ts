import { closeSync, openSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { threadId } from "node:worker_threads";
import { notFound } from "../../src/errors.ts";
import { serveJobs } from "../../src/sys/jobs.ts";

export type Job =
  | "thread"
  | "wait"
  | "engine error"
  | "system error"
  | "bug"
  | "exit"
  | "throw outside"
  | "busy"
  | { fifo: string };

serveJobs<Job, number>(async (job, _signal, checkWanted) => {
  // In the kernel, where nothing ends a thread.
  if (typeof job === "object") closeSync(openSync(job.fifo, "r"));
  switch (job) {
    case "engine error":
      throw notFound("No such thing");
    case "system error":
      throw Object.assign(new Error("open /x: ENOENT"), { code: "ENOENT" });
    case "bug":
      throw new TypeError("x is not a function");
    case "exit":
      return process.exit(3);
    case "throw outside":
      setImmediate(() => {
        throw new Error("outside of any job");
      });
      await sleep(60_000);
      break;
    case "busy":
      // No message is read meanwhile.
      for (;;) checkWanted();
    case "wait":
      await sleep(60_000);
      break;
    default:
      // Long enough for the others to be given to another thread.
      await sleep(20);
  }
  return threadId;
});
