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
const patienceMilliseconds = 60_000;

/**
 * Fetches a file, with the time that its server gives it. For a worker: it writes as it comes.
 * @returns the SHA-256 of its content, in hexadecimal
 * @throws EngineError unavailable, invalid for another content than the checksum's; then nothing is left
 */
export async function fetchFile(request: FetchRequest, signal: AbortSignal): Promise<string> {
  const { url, target, checksum } = request;
  const fd = openSync(target, "wx", 0o600);
  try {
    const response = await open(request, signal);
    const hash = createHash("sha256");
    for await (const chunk of response.body ?? []) {
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

async function open(request: FetchRequest, signal: AbortSignal): Promise<Response> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), patienceMilliseconds);
  const patience = AbortSignal.any([signal, late.signal]);
  let response: Response;
  try {
    response = await follow(request, patience);
  } catch (error) {
    signal.throwIfAborted();
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    throw unavailable(`failed to load ${redactAddresses(request.url)}: ${messageOf(cause)}`, error);
  } finally {
    clearTimeout(timer);
  }
  if (response.ok) return response;
  await response.body?.cancel();
  throw invalid(`invalid response status ${response.status}`);
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
