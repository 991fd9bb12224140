import { closeSync, openSync } from "node:fs";
import { Readable } from "node:stream";
import { EngineError, unavailable } from "../errors.ts";
import { createFileRing, ringAheadBytes } from "../sys/file-ring.ts";
import { tellWritten } from "../sys/growing-file.ts";
import type { BlobUpload, DocumentResponse } from "./connection.ts";
import { explainFailure } from "./explain.ts";
import { type Http, readDocument } from "./http.ts";
import { resolveLocation } from "./location.ts";
import { describeRegistryError } from "./registry-error.ts";
import { countAttempts, isTransient, retryAfterSeconds, TransientError } from "./retry.ts";

/** Small enough for the proxies that stand before many registries, large enough that their answers don't count. */
const pieceBytes = 64 * 1024 * 1024;

/** See `Transport.upload`; OCI distribution spec, "Pushing a blob in chunks". */
export async function uploadBlob(http: Http, upload: BlobUpload, signal?: AbortSignal): Promise<string> {
  const attempts = countAttempts(upload.connection.attempts, signal);
  const piece = Math.max(pieceBytes, upload.leastChunkBytes);
  let { url } = upload;
  let offset = 0;
  let isKnown = !upload.isResumed;
  while (offset < upload.sizeBytes) {
    try {
      if (!isKnown) ({ url, offset } = await askState(http, { ...upload, url }, signal));
      isKnown = true;
      const end = Math.min(offset + piece, upload.sizeBytes);
      const answer = await sendPiece(http, { ...upload, url }, offset, end, signal);
      url = checkAnswer(answer, url);
      offset = end;
      attempts.progressed();
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      await attempts.next(explainFailure(error, "PATCH", new URL(url)));
      isKnown = false;
    }
  }
  return url;
}

async function sendPiece(
  http: Http,
  { connection, url, headers, path, growth }: BlobUpload,
  from: number,
  to: number,
  signal?: AbortSignal,
): Promise<DocumentResponse> {
  async function* content() {
    const fd = openSync(path, "r");
    try {
      const ring = createFileRing(fd);
      for (let sent = from; sent < to; ) {
        const chunk = ring.read(sent, to - sent);
        if (chunk.length === 0) throw unavailable(`unexpected EOF: ${path} was cut short`);
        yield chunk;
        sent += chunk.length;
        tellWritten(growth, sent);
      }
    } finally {
      closeSync(fd);
    }
  }
  const response = await http.send(
    connection,
    {
      method: "PATCH",
      url,
      headers: {
        ...headers,
        "content-type": "application/octet-stream",
        "content-length": String(to - from),
        "content-range": `${from}-${to - 1}`,
      },
      body: Readable.from(content(), { objectMode: false, highWaterMark: ringAheadBytes }),
    },
    signal,
  );
  return readDocument(response);
}

/** How much the registry has got. */
async function askState(http: Http, { connection, url, headers }: BlobUpload, signal?: AbortSignal) {
  const answer = await readDocument(await http.send(connection, { method: "GET", url, headers }, signal));
  const next = checkAnswer(answer, url);
  const last = /^(?:bytes=)?0-(\d+)$/.exec(answer.headers.range ?? "")?.[1];
  // "0-0" is what registries say of nothing at all; one byte sent twice would be refused, so it counts as none only then.
  return { url: next, offset: last === undefined || last === "0" ? 0 : Number(last) + 1 };
}

/** Where to go on. @throws TransientError for what may pass; unauthorized; what the registry says */
function checkAnswer({ status, headers, body, url }: DocumentResponse, asked: string): string {
  if (status >= 200 && status < 300) return resolveLocation(headers.location, asked);
  const error = describeRegistryError(status, body.toString(), `PATCH "${url}"`);
  if (isTransient(status) || status === 416) throw new TransientError(error, retryAfterSeconds(headers));
  if (status === 401) throw new EngineError("unauthorized", error.message);
  if (status === 404)
    throw unavailable(`blob upload unknown: the registry forgot the upload (${error.message})`);
  throw error;
}
