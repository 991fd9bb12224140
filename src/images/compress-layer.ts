import { createHash } from "node:crypto";
import { createReadStream, createWriteStream, rmSync } from "node:fs";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { hasCode, internal } from "../errors.ts";
import type { SpooledBlob } from "./blobs.ts";

const chunkBytes = 512 * 1024;

/** Compresses a layer's plain archive into the new file `target`; the same bytes give the same blob. For a worker. */
export async function compressLayer(path: string, target: string, signal: AbortSignal): Promise<SpooledBlob> {
  const hash = createHash("sha256");
  let sizeBytes = 0;
  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      sizeBytes += chunk.length;
      done(null, chunk);
    },
  });
  try {
    await pipeline(
      createReadStream(path, { highWaterMark: chunkBytes }),
      createGzip({ chunkSize: chunkBytes }),
      count,
      createWriteStream(target, { flags: "wx", mode: 0o600 }),
      { signal },
    );
  } catch (error) {
    rmSync(target, { force: true });
    throw hasCode(error, "ENOSPC") ? internal("failed to compress: no space left on device", error) : error;
  }
  return { path: target, digest: `sha256:${hash.digest("hex")}`, sizeBytes };
}
