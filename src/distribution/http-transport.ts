import { closeSync, fstatSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { hasCode, internal, unavailable } from "../errors.ts";
import { tellWritten } from "../sys/growing-file.ts";
import { releaseMemory } from "../sys/release-memory.ts";
import type { BlobDownload, Transport } from "./connection.ts";
import { explainFailure } from "./explain.ts";
import { type Http, openHttp, patienceMilliseconds, readDocument } from "./http.ts";
import { readBlob } from "./read-blob.ts";
import { describeRegistryError } from "./registry-error.ts";
import { countAttempts, isTransient, retryAfterSeconds, TransientError } from "./retry.ts";
import { uploadBlob } from "./upload-blob.ts";

/** HTTP in this thread. */
export function openHttpTransport(): Transport {
  const http = openHttp();
  return {
    async request(connection, request, signal) {
      const attempts = countAttempts(connection.attempts, signal);
      for (;;) {
        const patience = AbortSignal.timeout(patienceMilliseconds(connection, request.method));
        const either = signal ? AbortSignal.any([signal, patience]) : patience;
        try {
          const response = await http.send(connection, request, either);
          const document = await readDocument(response);
          if (!isTransient(document.status)) return document;
          const what = `${request.method} "${request.url}"`;
          const refusal = describeRegistryError(document.status, document.body.toString(), what);
          throw new TransientError(refusal, retryAfterSeconds(document.headers));
        } catch (error) {
          if (signal?.aborted) throw signal.reason;
          const stuck = unavailable(`${request.method} "${request.url}": timeout while reading body`);
          await attempts.next(
            patience.aborted
              ? new TransientError(stuck)
              : explainFailure(error, request.method, new URL(request.url)),
          );
        }
      }
    },
    download: (download, signal) => downloadBlob(http, download, signal),
    upload: (upload, signal) => uploadBlob(http, upload, signal),
    close: () => http.close(),
  };
}

/** What the disk holds is kept when it fails, for the next attempt; not when the disk is full. */
async function downloadBlob(
  http: Http,
  { source, path, sizeBytes, growth }: BlobDownload,
  signal?: AbortSignal,
): Promise<void> {
  const fd = openSync(path, "a", 0o600);
  try {
    let written = fstatSync(fd).size;
    if (written > sizeBytes) {
      ftruncateSync(fd);
      written = 0;
    }
    tellWritten(growth, written);
    for await (const chunk of readBlob(http, source, { from: written, sizeBytes }, signal)) {
      for (let at = 0; at < chunk.length; ) at += writeSync(fd, chunk, at);
      written += chunk.length;
      tellWritten(growth, written);
      releaseMemory(chunk);
    }
  } catch (error) {
    if (!hasCode(error, "ENOSPC")) throw error;
    ftruncateSync(fd);
    throw internal("failed to download: no space left on device", error);
  } finally {
    closeSync(fd);
  }
}
