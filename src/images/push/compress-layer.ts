import { createHash } from "node:crypto";
import { closeSync, createReadStream, openSync, rmSync, writeSync } from "node:fs";
import { pipeline, Readable } from "node:stream";
import { constants, createGzip, createZstdCompress } from "node:zlib";
import { hasCode, internal } from "../../errors.ts";
import { gatherInRing, ringAheadBytes } from "../../sys/file-ring.ts";
import { releaseMemory } from "../../sys/release-memory.ts";
import { compressionOf, decompress } from "../../trees/decompress.ts";
import { readStoredBlob, type StoredBlob } from "../plain-archive.ts";
import type { SpooledBlob } from "../store/blobs.ts";

const chunkBytes = 256 * 1024;

/** How a blob is packed. */
export interface LayerCompression {
  type: "gzip" | "zstd";
  /** What is usual for the type without it. */
  level?: number;
}

/** How it is packed, or that it is not. */
export type LayerPacking = LayerCompression | { type: "none" };

/** Packs a layer into the new file `target`, whatever it is packed in now; the same bytes give the same blob. For a worker. */
export async function compressLayer(
  source: StoredBlob,
  target: string,
  signal: AbortSignal,
  packing: LayerPacking = { type: "gzip" },
): Promise<SpooledBlob> {
  const hash = createHash("sha256");
  let sizeBytes = 0;
  const output = openSync(target, "wx", 0o600);
  try {
    const plain = await openPlain(source);
    const packed =
      packing.type === "none"
        ? plain
        : pipeline(plain, createCompressor(packing), () => {
            // Errors come out at the other end.
          });
    for await (const chunk of packed as AsyncIterable<Buffer>) {
      signal.throwIfAborted();
      hash.update(chunk);
      sizeBytes += chunk.length;
      for (let at = 0; at < chunk.length; ) at += writeSync(output, chunk, at);
      if (packing.type !== "none") releaseMemory(chunk);
    }
  } catch (error) {
    rmSync(target, { force: true });
    throw hasCode(error, "ENOSPC") ? internal("failed to compress: no space left on device", error) : error;
  } finally {
    closeSync(output);
  }
  return { path: target, digest: `sha256:${hash.digest("hex")}`, sizeBytes };
}

async function openPlain(source: StoredBlob): Promise<NodeJS.ReadableStream> {
  if ("path" in source && (await compressionOf(source.path)) !== "none")
    return (await decompress(createReadStream(source.path))).output;
  return Readable.from(gatherInRing(readStoredBlob(source)), {
    objectMode: false,
    highWaterMark: ringAheadBytes,
  });
}

function createCompressor({ type, level }: LayerCompression) {
  if (type === "gzip") return createGzip({ chunkSize: chunkBytes, ...(level !== undefined && { level }) });
  const params = level === undefined ? {} : { [constants.ZSTD_c_compressionLevel]: level };
  return createZstdCompress({ chunkSize: chunkBytes, params });
}
