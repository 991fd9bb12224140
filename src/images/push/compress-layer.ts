import { createHash } from "node:crypto";
import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { pipeline, Readable } from "node:stream";
import { constants, createGzip, createZstdCompress } from "node:zlib";
import { hasCode, internal } from "../../errors.ts";
import { gatherInRing, ringAheadBytes } from "../../sys/file-ring.ts";
import { releaseMemory } from "../../sys/release-memory.ts";
import { readStoredBlob, type StoredBlob } from "../plain-archive.ts";
import type { SpooledBlob } from "../store/blobs.ts";

const chunkBytes = 256 * 1024;

/** How a blob is packed. */
export interface LayerCompression {
  type: "gzip" | "zstd";
  /** What is usual for the type without it. */
  level?: number;
}

/** Compresses a layer's plain archive into the new file `target`; the same bytes give the same blob. For a worker. */
export async function compressLayer(
  source: StoredBlob,
  target: string,
  signal: AbortSignal,
  compression: LayerCompression = { type: "gzip" },
): Promise<SpooledBlob> {
  const hash = createHash("sha256");
  let sizeBytes = 0;
  const output = openSync(target, "wx", 0o600);
  try {
    const plain = Readable.from(gatherInRing(readStoredBlob(source)), {
      objectMode: false,
      highWaterMark: ringAheadBytes,
    });
    const packed = pipeline(plain, createCompressor(compression), () => {
      // Errors come out at the other end.
    });
    for await (const chunk of packed as AsyncIterable<Buffer>) {
      signal.throwIfAborted();
      hash.update(chunk);
      sizeBytes += chunk.length;
      for (let at = 0; at < chunk.length; ) at += writeSync(output, chunk, at);
      releaseMemory(chunk);
    }
  } catch (error) {
    rmSync(target, { force: true });
    throw hasCode(error, "ENOSPC") ? internal("failed to compress: no space left on device", error) : error;
  } finally {
    closeSync(output);
  }
  return { path: target, digest: `sha256:${hash.digest("hex")}`, sizeBytes };
}

function createCompressor({ type, level }: LayerCompression) {
  if (type === "gzip") return createGzip({ chunkSize: chunkBytes, ...(level !== undefined && { level }) });
  const params = level === undefined ? {} : { [constants.ZSTD_c_compressionLevel]: level };
  return createZstdCompress({ chunkSize: chunkBytes, params });
}
