import { existsSync } from "node:fs";
import { Worker } from "node:worker_threads";
import type { Logger } from "../logger.ts";

/** A commit takes some pages of 4 KiB in the log: a few megabytes, until then. */
const commitsBetween = 512;

/** Checkpoints of the state file. They wait for the disk, so they are done by a thread that comes and goes. */
export interface Checkpoints {
  /** Call it after each commit. */
  committed(): void;
}

export function createCheckpoints(path: string, logger: Logger): Checkpoints {
  let commits = 0;
  let worker: Worker | undefined;

  function start(): void {
    // A root that has been removed under its engine must not come back.
    if (!existsSync(path)) return;
    const extension = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
    const source = new URL(`../state/checkpoint.worker${extension}`, import.meta.url);
    worker = new Worker(source, { workerData: path });
    worker.unref();
    worker.on("error", (error) => logger.warn({ error }, "a checkpoint of the state failed"));
    worker.once("exit", () => {
      worker = undefined;
    });
  }

  return {
    committed() {
      if (++commits < commitsBetween || worker) return;
      commits = 0;
      start();
    },
  };
}
