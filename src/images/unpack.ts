import { createHash } from "node:crypto";
import { closeSync, createReadStream, mkdirSync, openSync, rmSync } from "node:fs";
import { hasCode, internal } from "../errors.ts";
import type { Digest } from "../formats/digest.ts";
import { createTarReader } from "../formats/tar-reader.ts";
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
  mkdirSync(target, { mode: 0o755 });
  try {
    return await unpackInto(blobPath, digest, target);
  } catch (error) {
    rmSync(target, { recursive: true, force: true });
    throw hasCode(error, "ENOSPC") ? internal("failed to unpack: no space left on device", error) : error;
  }
}

async function unpackInto(blobPath: string, digest: Digest, target: string): Promise<Unpacked> {
  const input = createReadStream(blobPath, { highWaterMark: chunkBytes });
  const { compression, output } = await decompress(input);
  const hash = compression === "none" ? undefined : createHash("sha256");
  const rootFd = openSync(target, "r");
  const extraction = createExtraction({ rootFd, base: "", whiteouts: true });
  try {
    const reader = createTarReader();
    for await (const chunk of output as AsyncIterable<Buffer>) {
      hash?.update(chunk);
      for (const event of reader.push(chunk)) extraction.take(event);
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
