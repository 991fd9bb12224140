import { internal } from "../errors.ts";
import { createJobRunner } from "../sys/jobs.ts";
import type { Transport } from "./connection.ts";
import type { NetworkJob, NetworkResult } from "./network.worker.ts";

/** More than ever wait for the network at a time. */
const jobsAtATime = 256;

/**
 * HTTP on a thread of its own: neither the HTTP library nor what comes over the network costs the daemon's thread anything, and
 * while there is no transfer, no memory either.
 */
export function startNetwork(): Transport {
  const runner = createJobRunner<NetworkJob, NetworkResult>("distribution/network.worker", 1, jobsAtATime);
  const wrong = () => internal("internal error: unexpected reply from worker");
  return {
    async request(connection, request, signal) {
      const response = await runner.run({ kind: "request", connection, request }, signal);
      if (typeof response !== "object") throw wrong();
      // A Buffer comes as a plain array of bytes.
      return { ...response, body: Buffer.from(response.body) };
    },
    async download(download, signal) {
      await runner.run({ kind: "download", download }, signal);
    },
    async upload(upload, signal) {
      const url = await runner.run({ kind: "upload", upload }, signal);
      if (typeof url !== "string") throw wrong();
      return url;
    },
    close: () => runner.close(),
  };
}
