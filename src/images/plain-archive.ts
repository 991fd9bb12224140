import { closeSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { Socket } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { hasCode, internal } from "../errors.ts";
import type { Digest } from "../formats/digest.ts";
import { createTarReader } from "../formats/tar/tar-reader.ts";
import { gatherInRing, ringAheadBytes } from "../sys/file-ring.ts";
import { type Assembly, assembleArchive } from "../trees/assemble.ts";
import { createFrameFile, type FrameFile } from "../trees/frame-file.ts";
import { createFrameRecorder } from "../trees/record-frame.ts";

/** How a blob can be had: as the file it is, or, of a layer's plain archive, put together again. */
export type StoredBlob = { path: string } | { assembly: Assembly };

const chunkBytes = 256 * 1024;

/** Its bytes. A piece is valid until the next one. Synchronous, for a worker thread. @throws internal when they are not what they were */
export function* readStoredBlob(source: StoredBlob): Generator<Buffer> {
  if ("assembly" in source) yield* assembleArchive(source.assembly);
  else yield* readWhole(source.path);
}

function readWhole(path: string): Generator<Buffer> {
  return readDescriptor(openSync(path, "r"));
}

/** What an open file has, from where it stands; closes it. A piece is valid until the next one. */
export function* readDescriptor(fd: number): Generator<Buffer> {
  const buffer = Buffer.allocUnsafe(chunkBytes);
  try {
    for (let count = 1; count > 0; ) {
      count = readSync(fd, buffer, 0, buffer.length, null);
      if (count > 0) yield buffer.subarray(0, count);
    }
  } finally {
    closeSync(fd);
  }
}

/** @throws internal when it is not what it was */
export function verifyBlob(source: StoredBlob): void {
  for (const _ of readStoredBlob(source));
}

/** Sends it through a pipe, which is closed in the end; what came was it only if this does not fail. */
export function sendBlob(source: StoredBlob, fd: number): Promise<void> {
  return sendPieces(readStoredBlob(source), fd);
}

/** Sends pieces, each valid until the next, through a pipe, which is closed in the end. */
export async function sendPieces(pieces: Iterable<Buffer>, fd: number): Promise<void> {
  const output = new Socket({ fd, readable: false, writable: true });
  const input = Readable.from(gatherInRing(pieces), { objectMode: false, highWaterMark: ringAheadBytes });
  await pipeline(input, output);
}

/** Puts it into the new file `target`, which is gone when that fails. */
export function writeBlob(source: StoredBlob, target: string): void {
  const fd = openSync(target, "wx", 0o600);
  try {
    for (const piece of readStoredBlob(source))
      for (let done = 0; done < piece.length; ) done += writeSync(fd, piece, done);
  } catch (error) {
    rmSync(target, { force: true });
    throw hasCode(error, "ENOSPC") ? internal("no space left on device", error) : error;
  } finally {
    closeSync(fd);
  }
}

/**
 * Makes a frame of a layer that was unpacked long ago, and proves it. Where the archive cannot be had from the files, since it has
 * one twice or they have changed, the frame is all of it, compressed.
 */
export function recordArchive(path: string, target: string, directory: string, digest: Digest): void {
  try {
    recordParts(path, target, digest);
    for (const _ of assembleArchive({ framePath: target, directory, digest }));
  } catch (error) {
    rmSync(target, { force: true });
    if (hasCode(error, "ENOSPC")) throw error;
    recordAll(path, target, digest);
  }
}

function recordParts(path: string, target: string, digest: Digest): void {
  writeFrame(target, digest, (frame) => {
    const recorder = createFrameRecorder(frame);
    const reader = createTarReader(undefined, recorder.framing);
    let sizeBytes = 0;
    for (const piece of readWhole(path)) {
      sizeBytes += piece.length;
      // The reader looks back to the last piece.
      for (const event of reader.push(Buffer.from(piece))) recorder.take(event);
    }
    reader.finish();
    return sizeBytes;
  });
}

/** A frame that needs no files. */
export function recordAll(path: string, target: string, digest: Digest): void {
  writeFrame(target, digest, (frame) => {
    let sizeBytes = 0;
    for (const piece of readWhole(path)) {
      sizeBytes += piece.length;
      frame.bytes(piece);
    }
    return sizeBytes;
  });
}

function writeFrame(target: string, digest: Digest, write: (frame: FrameFile) => number): void {
  const frame = createFrameFile(target);
  try {
    frame.finish({ digest, sizeBytes: write(frame) });
  } finally {
    frame.close();
  }
}
