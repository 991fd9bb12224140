import { createHash } from "node:crypto";
import { closeSync, openSync, rmSync, utimesSync, writeSync } from "node:fs";
import type { ProxySettings } from "../../distribution/connection.ts";
import { findProxy } from "../../distribution/proxies.ts";
import { invalid, messageOf, unavailable } from "../../errors.ts";
import { redactAddresses, splitCredentials } from "../../formats/redact-address.ts";

/** A file of the web. */
export interface FetchRequest {
  url: string;
  /** Where it is put; a new file. */
  target: string;
  /** "sha256:…" of its content. */
  checksum?: string;
  /** A header for the address's own host alone, before the user and password in it. */
  authorization?: string;
  /** The daemon's. */
  proxies: ProxySettings;
}

/** Until the answer begins. */
const patienceSeconds = 60;

/** Of the content: a server that sends less for so long is given up. Some make an archive while they send it, and pause for minutes. */
const slowest = { bytesPerSecond: 100, seconds: 600 };

/**
 * Fetches a file, with the time that its server gives it. For a worker: it writes as it comes.
 * @returns the SHA-256 of its content, in hexadecimal
 * @throws EngineError unavailable, also for a server that is too slow; invalid for another content than the checksum's; then nothing is left
 */
export async function fetchFile(request: FetchRequest, signal: AbortSignal): Promise<string> {
  const { url, target, checksum } = request;
  const fd = openSync(target, "wx", 0o600);
  try {
    const hash = createHash("sha256");
    const late = new AbortController();
    const response = await open(request, signal, late);
    for await (const chunk of bodyOf(response, request, signal, late)) {
      hash.update(chunk);
      for (let done = 0; done < chunk.length; ) done += writeSync(fd, chunk, done);
    }
    const sha256 = hash.digest("hex");
    const actual = `sha256:${sha256}`;
    if (checksum !== undefined && checksum !== actual)
      throw invalid(`digest mismatch for ${redactAddresses(url)}: ${actual} (expected: ${checksum})`);
    const modified = Date.parse(response.headers.get("last-modified") ?? "");
    // BuildKit gives files without a time that of the epoch.
    const seconds = Number.isNaN(modified) ? 0 : modified / 1000;
    utimesSync(target, seconds, seconds);
    return sha256;
  } catch (error) {
    rmSync(target, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
}

/** @param late ends the transfer when the server takes too long, also later on */
async function open(request: FetchRequest, signal: AbortSignal, late: AbortController): Promise<Response> {
  const timer = setTimeout(
    () => late.abort(new Error(`no answer within ${patienceSeconds} seconds`)),
    patienceSeconds * 1000,
  );
  let response: Response;
  try {
    response = await follow(request, AbortSignal.any([signal, late.signal]));
  } catch (error) {
    throw explain(error, request, signal);
  } finally {
    clearTimeout(timer);
  }
  if (response.ok) return response;
  await response.body?.cancel();
  throw invalid(`invalid response status ${response.status}`);
}

async function* bodyOf(
  response: Response,
  request: FetchRequest,
  signal: AbortSignal,
  late: AbortController,
): AsyncGenerator<Uint8Array> {
  const { bytesPerSecond, seconds } = slowest;
  let bytes = 0;
  const timer = setInterval(() => {
    const reason = `Operation too slow. Less than ${bytesPerSecond} bytes/sec transferred the last ${seconds} seconds`;
    if (bytes < bytesPerSecond * seconds) late.abort(new Error(reason));
    bytes = 0;
  }, seconds * 1000);
  try {
    for await (const chunk of response.body ?? []) {
      bytes += chunk.length;
      yield chunk;
    }
  } catch (error) {
    throw explain(error, request, signal);
  } finally {
    clearInterval(timer);
  }
}

/** What is said of a transfer that failed. @throws the signal's reason */
function explain(error: unknown, { url }: FetchRequest, signal: AbortSignal): Error {
  signal.throwIfAborted();
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return unavailable(`failed to load ${redactAddresses(url)}: ${messageOf(cause)}`, error);
}

const mostRedirects = 10;
const redirects = [301, 302, 303, 307, 308];

/** Each address has a proxy of its own, or none. Credentials go to the first one's host alone. */
async function follow(
  { url, proxies, authorization: given }: FetchRequest,
  signal: AbortSignal,
): Promise<Response> {
  const { address, credentials } = splitCredentials(url);
  const first = new URL(address);
  const basic = credentials !== undefined && `Basic ${Buffer.from(credentials).toString("base64")}`;
  const value = given ?? basic;
  const authorization = value !== false && { authorization: value };
  let at = first;
  for (let count = 0; count <= mostRedirects; count++) {
    const response = await send(at, findProxy(proxies, at), {
      ...{ signal, redirect: "manual" },
      headers: { "accept-encoding": "identity", ...(at.origin === first.origin && authorization) },
    });
    const location = response.headers.get("location");
    if (!redirects.includes(response.status) || location === null) return response;
    await response.body?.cancel();
    at = new URL(location, at);
    if (!/^https?:$/.test(at.protocol)) throw invalid(`unsupported protocol scheme ${at.protocol}`);
  }
  throw invalid(`stopped after ${mostRedirects} redirects`);
}

async function send(address: URL, proxy: string | undefined, init: RequestInit): Promise<Response> {
  if (proxy === undefined) return fetch(address, init);
  const undici = await import("undici");
  const dispatcher = new undici.ProxyAgent(proxy);
  // Of what this program has loaded: its own fetch knows only its own agents.
  return undici.fetch(address, { ...init, dispatcher } as never) as unknown as Promise<Response>;
}
