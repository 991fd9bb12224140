import { createHash } from "node:crypto";
import { closeSync, createReadStream, mkdirSync, openSync } from "node:fs";
import { Readable } from "node:stream";
import { hasCode, internal, invalid } from "../errors.ts";
import type { Digest } from "../formats/digest.ts";
import { createTarReader } from "../formats/tar/tar-reader.ts";
import { gatherInRing, ringAheadBytes } from "../sys/file-ring.ts";
import { releaseMemory } from "../sys/release-memory.ts";
import { decompress } from "../trees/decompress.ts";
import { createExtraction } from "../trees/extract.ts";
import { createFrameFile, type FrameFile } from "../trees/frame-file.ts";
import { createFrameRecorder } from "../trees/record-frame.ts";
import { removePath } from "../trees/remove.ts";
import { readStoredBlob, recordAll, type StoredBlob } from "./plain-archive.ts";

export interface Unpacked {
  /** Of the archive in it, uncompressed. */
  diffId: Digest;
  /** Bytes of file content. */
  sizeBytes: number;
  /** The frame that was asked for is there. */
  hasFrame?: boolean;
}

interface UnpackOptions {
  /** Of the archive in it. */
  limitBytes?: number;
  /** Follows the archive. */
  frame?: FrameFile;
}

const chunkBytes = 512 * 1024;

/**
 * Unpacks a layer's blob, whose digest is known, into the new folder `target`. Blocks its thread: for a worker. When it throws,
 * `target` is gone.
 * @param framePath a new file for the archive's frame
 * @throws invalid for a damaged or hostile archive
 */
export async function unpackLayer(
  source: StoredBlob,
  digest: Digest,
  target: string,
  framePath?: string,
): Promise<Unpacked> {
  if (!("path" in source)) {
    const plain = gatherInRing(readStoredBlob(source));
    return unpackStream(
      Readable.from(plain, { objectMode: false, highWaterMark: ringAheadBytes }),
      digest,
      target,
    );
  }
  const input = createReadStream(source.path, { highWaterMark: chunkBytes });
  const { isTwice, ...unpacked } = await unpackStream(input, digest, target, {
    ...(framePath !== undefined && { framePath }),
  });
  if (!isTwice || framePath === undefined) return unpacked;
  try {
    recordAll(source.path, framePath, digest);
    return { ...unpacked, hasFrame: true };
  } catch (error) {
    removePath(target);
    throw explain(error);
  }
}

/**
 * The same from a stream.
 * @returns `isTwice` when there is no frame because the archive brings something twice: what it brought first is in no file any more
 */
export async function unpackStream(
  input: Readable,
  digest: Digest,
  target: string,
  { limitBytes, framePath }: { limitBytes?: number; framePath?: string } = {},
): Promise<Unpacked & { isTwice?: boolean }> {
  const limit = limitBytes === undefined ? {} : { limitBytes };
  if (framePath === undefined) {
    const { diffId, sizeBytes } = await extractInto(input, digest, target, limit);
    return { diffId, sizeBytes };
  }
  const frame = createFrameFile(framePath);
  try {
    const extracted = await extractInto(input, digest, target, { ...limit, frame });
    const { isPlain, hasReplaced, plainBytes, diffId, sizeBytes } = extracted;
    const hasFrame = !hasReplaced;
    if (hasFrame) frame.finish({ digest: diffId, sizeBytes: plainBytes });
    return { diffId, sizeBytes, hasFrame, isTwice: isPlain && hasReplaced };
  } catch (error) {
    removePath(target);
    throw explain(error);
  } finally {
    frame.close();
  }
}

function explain(error: unknown): unknown {
  return hasCode(error, "ENOSPC") ? internal("failed to unpack: no space left on device", error) : error;
}

interface Extracted extends Unpacked {
  isPlain: boolean;
  plainBytes: number;
  /** It brought something twice. */
  hasReplaced: boolean;
}

async function extractInto(
  input: Readable,
  digest: Digest,
  target: string,
  options: UnpackOptions,
): Promise<Extracted> {
  mkdirSync(target, { mode: 0o755 });
  try {
    return await extract(input, digest, target, options);
  } catch (error) {
    removePath(target);
    throw explain(error);
  }
}

async function extract(
  input: Readable,
  digest: Digest,
  target: string,
  { limitBytes = Number.POSITIVE_INFINITY, frame }: UnpackOptions,
): Promise<Extracted> {
  const { compression, output } = await decompress(input);
  const isPlain = compression === "none";
  let plainBytes = 0;
  const hash = isPlain ? undefined : createHash("sha256");
  const recorder = frame && createFrameRecorder(frame);
  const rootFd = openSync(target, "r");
  const extraction = createExtraction({ rootFd, base: "", whiteouts: true });
  try {
    const reader = createTarReader(undefined, recorder?.framing);
    let previous: Buffer | undefined;
    for await (const chunk of output as AsyncIterable<Buffer>) {
      hash?.update(chunk);
      plainBytes += chunk.length;
      if (plainBytes > limitBytes)
        throw invalid(`failed to register layer: uncompressed size exceeds the limit of ${limitBytes} bytes`);
      for (const event of reader.push(chunk)) {
        extraction.take(event);
        recorder?.take(event);
      }
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
  const { sizeBytes, hasReplaced } = extraction;
  const diffId: Digest = hash ? `sha256:${hash.digest("hex")}` : digest;
  return { diffId, sizeBytes, isPlain, plainBytes, hasReplaced };
}
