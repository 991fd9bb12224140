import { Worker, type WorkerOptions } from "node:worker_threads";

/**
 * Starts the worker thread whose source is `src/<name>.ts`, for example "images/unpack.worker".
 * Sources and bundles both lie two folders deep (src/sys/worker.ts, dist/daemon/main.js), so one relative path serves both.
 */
export function startWorker(name: string, options?: WorkerOptions): Worker {
  const extension = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
  return new Worker(new URL(`../${name}${extension}`, import.meta.url), {
    trackUnmanagedFds: false,
    ...options,
  });
}
