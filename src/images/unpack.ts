import { createHash } from "node:crypto";
import { closeSync, createReadStream, mkdirSync, openSync, rmSync } from "node:fs";
import type { Readable } from "node:stream";
import { hasCode, internal, invalid } from "../errors.ts";
import type { Digest } from "../formats/digest.ts";
import { createTarReader } from "../formats/tar-reader.ts";
import { releaseMemory } from "../sys/release-memory.ts";
import { decompress } from "./decompress.ts";
import { createExtraction } from "./extract.ts";

export interface Unpacked {
  /** Of the archive in it, uncompressed. */
  diffId: Digest;
  /** Bytes of file content. */
  sizeBytes: number;
}

const chunkBytes = 512 * 1024;

/**
 * Unpacks a layer's blob, whose digest is known, into the new folder `target`. Blocks its thread: for a worker. When it throws,
 * `target` is gone.
 * @throws invalid for a damaged or hostile archive
 */
export async function unpackLayer(blobPath: string, digest: Digest, target: string): Promise<Unpacked> {
  return unpackStream(createReadStream(blobPath, { highWaterMark: chunkBytes }), digest, target);
}

/** The same from a stream. @param limitBytes of the archive in it */
export async function unpackStream(
  input: Readable,
  digest: Digest,
  target: string,
  limitBytes?: number,
): Promise<Unpacked> {
  mkdirSync(target, { mode: 0o755 });
  try {
    return await unpackInto(input, digest, target, limitBytes);
  } catch (error) {
    rmSync(target, { recursive: true, force: true });
    throw hasCode(error, "ENOSPC") ? internal("failed to unpack: no space left on device", error) : error;
  }
}

async function unpackInto(
  input: Readable,
  digest: Digest,
  target: string,
  limitBytes = Number.POSITIVE_INFINITY,
): Promise<Unpacked> {
  const { compression, output } = await decompress(input);
  let plainBytes = 0;
  const hash = compression === "none" ? undefined : createHash("sha256");
  const rootFd = openSync(target, "r");
  const extraction = createExtraction({ rootFd, base: "", whiteouts: true });
  try {
    const reader = createTarReader();
    let previous: Buffer | undefined;
    for await (const chunk of output as AsyncIterable<Buffer>) {
      hash?.update(chunk);
      plainBytes += chunk.length;
      if (plainBytes > limitBytes)
        throw invalid(
          `the layer is larger than ${limitBytes} bytes when unpacked: that is taken for an attack`,
        );
      for (const event of reader.push(chunk)) extraction.take(event);
      // The reader may look back to the last chunk, not further.
      if (previous && (compression === "gzip" || compression === "zstd")) releaseMemory(previous);
      previous = chunk;
    }
    reader.finish();
    extraction.finish();
  } finally {
    extraction.close();
    closeSync(rootFd);
    output.destroy();
  }
  return { diffId: hash ? `sha256:${hash.digest("hex")}` : digest, sizeBytes: extraction.sizeBytes };
}
