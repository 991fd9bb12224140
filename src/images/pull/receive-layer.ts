import { createHash } from "node:crypto";
import { rmSync } from "node:fs";
import { Readable } from "node:stream";
import { EngineError } from "../../errors.ts";
import type { Digest } from "../../formats/digest.ts";
import { ringAheadBytes } from "../../sys/file-ring.ts";
import { readGrowingFile } from "../../sys/growing-file.ts";
import { removePath } from "../../trees/remove.ts";
import { type Unpacked, unpackStream } from "../unpack.ts";

/** A blob that another thread is writing. */
export interface Arrival {
  path: string;
  digest: Digest;
  sizeBytes: number;
  growth: SharedArrayBuffer;
  /** The new folder to unpack into; without one the blob is verified only. */
  target?: string;
  /** A new file for the frame of the archive in it. */
  framePath?: string;
  /** Of the archive in it. */
  limitBytes: number;
}

export interface Received {
  /** Of the bytes that came. When it is not the blob's, file and `target` are gone. */
  actual: Digest;
  /** Nothing of what is to be unpacked is known when the digest is wrong. */
  unpacked?: Unpacked;
}

/**
 * Verifies a blob and unpacks it, in one pass, as its bytes come. Blocks its thread now and then: for a worker. Whatever is thrown,
 * `target` is gone.
 * @throws invalid for a damaged or hostile archive of the right digest; the signal's reason
 */
export async function receiveLayer(arrival: Arrival, signal: AbortSignal): Promise<Received> {
  const { path, digest, sizeBytes, growth, target, framePath, limitBytes } = arrival;
  const hash = createHash("sha256");
  const stop = new AbortController();
  const source = readGrowingFile(path, sizeBytes, growth, AbortSignal.any([signal, stop.signal]));
  async function* hashed() {
    // By hand: a reader that stops must not stop the verification.
    for (;;) {
      const { done, value } = await source.next();
      if (done) return;
      hash.update(value);
      yield value;
    }
  }
  const verify = async (): Promise<Digest> => {
    for await (const chunk of source) hash.update(chunk);
    const actual: Digest = `sha256:${hash.digest("hex")}`;
    if (actual !== digest) {
      rmSync(path, { force: true });
      if (target) removePath(target);
      if (framePath) rmSync(framePath, { force: true });
    }
    return actual;
  };
  let unpacked: Unpacked | undefined;
  try {
    const input = Readable.from(hashed(), { objectMode: false, highWaterMark: ringAheadBytes });
    if (target)
      unpacked = await unpackStream(input, digest, target, { limitBytes, ...(framePath && { framePath }) });
  } catch (error) {
    // What is not what it should be is that in the first place, whatever else is wrong with it.
    if (error instanceof EngineError && error.kind === "invalid" && !signal.aborted) {
      const actual = await verify();
      if (actual !== digest) return { actual };
    }
    stop.abort();
    await source.return(undefined);
    throw error;
  }
  const actual = await verify();
  return { actual, ...(unpacked && actual === digest && { unpacked }) };
}
