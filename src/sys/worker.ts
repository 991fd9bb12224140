import { Worker, type WorkerOptions } from "node:worker_threads";

/** One that waits more than it works has no more garbage than this; by default Node lets it gather 48 MB. */
const leastYoungGeneration = { maxYoungGenerationSizeMb: 3 };

/** For one that works hard for a while, and then ends. */
export const largeYoungGeneration = { maxYoungGenerationSizeMb: 48 };

/**
 * Starts the worker thread whose source is `src/<name>.ts`, for example "images/unpack.worker".
 * Sources and bundles both lie two folders deep (src/sys/worker.ts, dist/daemon/main.js), so one relative path serves both.
 */
export function startWorker(name: string, options?: WorkerOptions): Worker {
  const extension = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
  return new Worker(new URL(`../${name}${extension}`, import.meta.url), {
    trackUnmanagedFds: false,
    resourceLimits: leastYoungGeneration,
    ...options,
  });
}
