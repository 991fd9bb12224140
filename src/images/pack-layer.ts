import { createHash } from "node:crypto";
import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { hasCode, internal } from "../errors.ts";
import { archiveEnd } from "../formats/tar-writer.ts";
import type { SpooledBlob } from "./blobs.ts";
import { packTree } from "./pack.ts";

/** Packs an overlay's upper directory as a layer into the new file `target`. Blocks its thread: for a worker. */
export function packLayer(upperDirectory: string, target: string): SpooledBlob {
  const hash = createHash("sha256");
  let sizeBytes = 0;
  const rootFd = openSync(upperDirectory, "r");
  try {
    const fd = openSync(target, "wx", 0o600);
    const write = (piece: Buffer) => {
      hash.update(piece);
      sizeBytes += piece.length;
      for (let offset = 0; offset < piece.length; ) offset += writeSync(fd, piece, offset);
    };
    try {
      for (const piece of packTree({ rootFd, path: "", name: "", whiteouts: true })) write(piece);
      write(archiveEnd);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    rmSync(target, { force: true });
    throw hasCode(error, "ENOSPC") ? internal("failed to pack: no space left on device", error) : error;
  } finally {
    closeSync(rootFd);
  }
  return { path: target, digest: `sha256:${hash.digest("hex")}`, sizeBytes };
}
