import { createHash } from "node:crypto";
import { closeSync, openSync, rmSync, utimesSync, writeSync } from "node:fs";
import { invalid, messageOf, unavailable } from "../../errors.ts";
import { redactAddresses, splitCredentials } from "../../formats/redact-address.ts";

/** A file of the web. */
export interface FetchRequest {
  url: string;
  /** Where it is put; a new file. */
  target: string;
  /** "sha256:…" of its content. */
  checksum?: string;
}

/** Until the answer begins. */
const patienceMilliseconds = 60_000;

/**
 * Fetches a file, with the time that its server gives it. For a worker: it writes as it comes.
 * @returns the SHA-256 of its content, in hexadecimal
 * @throws EngineError unavailable, invalid for another content than the checksum's; then nothing is left
 */
export async function fetchFile(
  { url, target, checksum }: FetchRequest,
  signal: AbortSignal,
): Promise<string> {
  const fd = openSync(target, "wx", 0o600);
  try {
    const response = await open(url, signal);
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

async function open(url: string, signal: AbortSignal): Promise<Response> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), patienceMilliseconds);
  const patience = AbortSignal.any([signal, late.signal]);
  const { address, credentials } = splitCredentials(url);
  const authorization = credentials !== undefined && {
    authorization: `Basic ${Buffer.from(credentials).toString("base64")}`,
  };
  let response: Response;
  try {
    response = await fetch(address, {
      signal: patience,
      headers: { "accept-encoding": "identity", ...authorization },
    });
  } catch (error) {
    signal.throwIfAborted();
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    throw unavailable(`failed to load ${redactAddresses(url)}: ${messageOf(cause)}`, error);
  } finally {
    clearTimeout(timer);
  }
  if (response.ok) return response;
  await response.body?.cancel();
  throw invalid(`invalid response status ${response.status}`);
}
