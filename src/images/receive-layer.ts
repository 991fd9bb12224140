import { createHash } from "node:crypto";
import { rmSync } from "node:fs";
import { Readable } from "node:stream";
import { EngineError, invalid } from "../errors.ts";
import type { Digest } from "../formats/digest.ts";
import { ringAheadBytes } from "../sys/file-ring.ts";
import { readGrowingFile } from "../sys/growing-file.ts";
import { type Unpacked, unpackStream } from "./unpack.ts";

/** A blob that another thread is writing. */
export interface Arrival {
  path: string;
  digest: Digest;
  sizeBytes: number;
  growth: SharedArrayBuffer;
  /** The new folder to unpack into; without one the blob is verified only. */
  target?: string;
  /** Of the archive in it. */
  limitBytes: number;
}

/**
 * Verifies a blob and unpacks it, in one pass, as its bytes come. Blocks its thread now and then: for a worker. When the digest is
 * wrong the file is removed, and whatever is thrown, `target` is gone.
 * @throws invalid for a wrong digest, a damaged or hostile archive; the signal's reason
 */
export async function receiveLayer(arrival: Arrival, signal: AbortSignal): Promise<Unpacked | undefined> {
  const { path, digest, sizeBytes, growth, target, limitBytes } = arrival;
  const hash = createHash("sha256");
  const stop = new AbortController();
  const source = readGrowingFile(path, sizeBytes, growth, AbortSignal.any([signal, stop.signal]));
  async function* hashed() {
    // By hand: whoever stops reading must not stop the verification.
    for (;;) {
      const { done, value } = await source.next();
      if (done) return;
      hash.update(value);
      yield value;
    }
  }
  const verify = async () => {
    for await (const chunk of source) hash.update(chunk);
    const found = `sha256:${hash.digest("hex")}`;
    if (found === digest) return;
    rmSync(path, { force: true });
    if (target) rmSync(target, { recursive: true, force: true });
    throw invalid(`filesystem layer verification failed for digest ${digest}: the registry sent ${found}`);
  };
  let unpacked: Unpacked | undefined;
  try {
    const input = Readable.from(hashed(), { objectMode: false, highWaterMark: ringAheadBytes });
    if (target) unpacked = await unpackStream(input, digest, target, limitBytes);
  } catch (error) {
    // What is not what it should be is that in the first place, whatever else is wrong with it.
    if (error instanceof EngineError && error.kind === "invalid" && !signal.aborted) await verify();
    stop.abort();
    await source.return(undefined);
    throw error;
  }
  await verify();
  return unpacked;
}
