import { EngineError, invalid, notFound, unavailable } from "../errors.ts";
import type { BlobSource } from "./connection.ts";
import { explainFailure } from "./explain.ts";
import type { Http, HttpResponse } from "./http.ts";
import { describeRegistryError } from "./registry-error.ts";
import { countAttempts, isTransient, retryAfterSeconds, TransientError } from "./retry.ts";

/** Less than this in the time of a server's patience counts as nothing at all. */
const leastBytes = 1024;
/** After this many bytes a broken connection counts as a new failure. */
const progressBytes = 64 * 1024;

/**
 * A blob's bytes from `from` on, asked for again by range where a connection breaks; as many as its manifest states, though not
 * compared with its digest.
 * @throws unauthorized when the token is no longer accepted; notFound; invalid for more or less than `sizeBytes`
 */
export async function* readBlob(
  http: Http,
  source: BlobSource,
  { from, sizeBytes }: { from: number; sizeBytes: number },
  signal?: AbortSignal,
): AsyncGenerator<Buffer> {
  const attempts = countAttempts(source.connection.downloadAttempts, signal);
  let offset = from;
  while (offset < sizeBytes) {
    const begun = offset;
    try {
      for await (const chunk of readOnce(http, source, offset, sizeBytes, signal)) {
        offset += chunk.length;
        yield chunk;
      }
      if (offset < sizeBytes) throw new TransientError(unavailable(`${source.url}: unexpected EOF`));
    } catch (error) {
      if (offset - begun >= progressBytes) attempts.progressed();
      await attempts.next(error);
    }
  }
}

async function* readOnce(
  http: Http,
  source: BlobSource,
  from: number,
  sizeBytes: number,
  signal?: AbortSignal,
): AsyncGenerator<Buffer> {
  const range: Record<string, string> = from > 0 ? { range: `bytes=${from}-` } : {};
  const headers = { ...source.headers, ...range, "accept-encoding": "identity" };
  const response = await http.send(source.connection, { method: "GET", url: source.url, headers }, signal);
  const { body } = response;
  try {
    if (response.status !== 200 && response.status !== 206) throw await refusal(source, response);
    let skip = checkStart(response, from, sizeBytes);
    let offset = from;
    for await (const chunk of watch(response, source)) {
      const wanted = skip > 0 ? chunk.subarray(Math.min(skip, chunk.length)) : chunk;
      skip -= chunk.length - wanted.length;
      offset += wanted.length;
      if (offset > sizeBytes) throw tooLong(sizeBytes);
      if (wanted.length > 0) yield wanted;
    }
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    throw explainFailure(error, "GET", new URL(response.url));
  } finally {
    body.on("error", () => {}).destroy();
  }
}

/** How many bytes of the answer are there already: a server may know no ranges. */
function checkStart({ status, headers }: HttpResponse, from: number, sizeBytes: number): number {
  const [, first, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers["content-range"] ?? "") ?? [];
  const whole = status === 206 ? total : headers["content-length"];
  if (whole !== undefined && whole !== "*" && Number(whole) !== sizeBytes) {
    throw invalid(`blob size mismatch: manifest says ${sizeBytes} bytes, registry sent ${whole}`);
  }
  if (status === 200) return from;
  if (Number(first) !== from) throw invalid(`the registry answered another range than was asked for`);
  return 0;
}

/** Breaks the connection off when next to nothing comes. */
async function* watch({ body }: HttpResponse, source: BlobSource): AsyncGenerator<Buffer> {
  let received = 0;
  let isWaiting = true;
  const timer = setInterval(() => {
    if (isWaiting && received < leastBytes) {
      body.destroy(new TransientError(unavailable(`${source.url}: timeout while reading body`)));
    }
    received = 0;
  }, source.connection.patienceSeconds * 1000);
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      received += chunk.length;
      isWaiting = false;
      yield chunk;
      isWaiting = true;
    }
  } finally {
    clearInterval(timer);
  }
}

async function refusal(source: BlobSource, response: HttpResponse): Promise<Error> {
  const { status, url } = response;
  const text = await response.body.text().catch(() => "");
  const error = describeRegistryError(status, text.slice(0, 65_536), `GET "${url}"`);
  // A signed address that has run out: the registry gives another.
  const isElsewhere = new URL(url).origin !== source.connection.origin;
  if (isTransient(status) || (isElsewhere && (status === 403 || status === 401))) {
    return new TransientError(error, retryAfterSeconds(response.headers));
  }
  if (status === 404) return notFound(`blob unknown to registry: ${error.message}`);
  if (status === 401) return new EngineError("unauthorized", error.message);
  return error;
}

const tooLong = (sizeBytes: number) =>
  invalid(`the registry sends more than the ${sizeBytes} bytes that the manifest states`);
