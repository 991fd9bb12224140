import { createHash } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { internal, messageOf } from "../errors.ts";
import type { Digest } from "../formats/digest.ts";
import { type ByteString, textOfBytes } from "../formats/tar/tar-entry.ts";
import { openFileInRoot } from "../sys/safe-path.ts";
import { readFrameHead, readFrameParts } from "./frame-file.ts";

/** A frame, and the unpacked files that have what is missing in it. */
export interface Assembly {
  framePath: string;
  directory: string;
  /** Of the archive. */
  digest: Digest;
}

const chunkBytes = 256 * 1024;

/**
 * Puts an archive together again. The caller must read to the end: only then is it verified. Synchronous,
 * for a worker thread. A piece is valid until the next one.
 * @throws internal when frame or files are not what they were
 */
export function* assembleArchive({ framePath, directory, digest }: Assembly): Generator<Buffer> {
  const rootFd = openSync(directory, "r");
  const hash = createHash("sha256");
  try {
    const head = readFrameHead(framePath);
    if (head.digest !== digest) throw internal(`the frame is of ${head.digest}`);
    let left = head.sizeBytes;
    for (const piece of readPieces(framePath, rootFd)) {
      left -= piece.length;
      if (left < 0) throw internal("it is longer than it was");
      hash.update(piece);
      yield piece;
    }
    if (left > 0) throw internal("it is shorter than it was");
    const actual = hash.digest("hex");
    if (`sha256:${actual}` !== digest) throw internal(`its files make sha256:${actual}`);
  } catch (error) {
    throw internal(`layer ${digest} has changed on the disk: ${reasonOf(error)}`, error);
  } finally {
    closeSync(rootFd);
  }
}

/**
 * The beginning of an archive whose end is not there, as far as it was recorded. @param rootFd where its files are
 * @throws internal when it is not as long
 */
export function* assembleStart(start: {
  framePath: string;
  rootFd: number;
  sizeBytes: number;
}): Generator<Buffer> {
  let left = start.sizeBytes;
  for (const piece of readPieces(start.framePath, start.rootFd)) {
    left -= piece.length;
    yield piece;
  }
  if (left !== 0) throw internal("an archive could not be put together again");
}

function* readPieces(framePath: string, rootFd: number): Generator<Buffer> {
  const buffer = Buffer.allocUnsafe(chunkBytes);
  for (const part of readFrameParts(framePath)) {
    if (part.kind === "bytes") yield part.bytes;
    else yield* readContent(rootFd, part.path, part.offset, part.sizeBytes, buffer);
  }
}

function* readContent(
  rootFd: number,
  path: ByteString,
  offset: number,
  sizeBytes: number,
  buffer: Buffer,
): Generator<Buffer> {
  const fd = openFileInRoot(rootFd, path, "refuse");
  if (fd === undefined) throw internal(`${JSON.stringify(textOfBytes(path))} is no file`);
  try {
    for (let done = 0; done < sizeBytes; ) {
      const count = readSync(fd, buffer, 0, Math.min(buffer.length, sizeBytes - done), offset + done);
      if (count === 0) throw internal(`${JSON.stringify(textOfBytes(path))} is cut short`);
      yield buffer.subarray(0, count);
      done += count;
    }
  } finally {
    closeSync(fd);
  }
}

function reasonOf(error: unknown): string {
  return messageOf(error).replace(/\s*'?\/proc\/self\/fd\/.*$/s, "");
}
