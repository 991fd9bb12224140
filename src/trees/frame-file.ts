import { closeSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { invalid } from "../errors.ts";
import {
  blockHeadBytes,
  createFrameEncoder,
  decodeBlock,
  decodeBlockHead,
  decodeFrameHead,
  encodeFrameHead,
  type FrameEncoder,
  type FrameHead,
  type FramePart,
  frameHeadBytes,
} from "../formats/archive-frame.ts";

/** Synchronous, for a worker thread. */
export interface FrameFile extends FrameEncoder {
  /** Completes it: until then it is not taken for a frame. */
  finish(head: FrameHead): void;
  /** Call it in any case; without `finish` before, the file goes. */
  close(): void;
}

/** Writes a frame to a new file. */
export function createFrameFile(path: string): FrameFile {
  const fd = openSync(path, "wx", 0o600);
  let isWhole = false;
  const write = (piece: Buffer) => {
    for (let done = 0; done < piece.length; ) done += writeSync(fd, piece, done);
  };
  const encoder = createFrameEncoder(write);
  try {
    write(Buffer.alloc(frameHeadBytes));
  } catch (error) {
    closeSync(fd);
    rmSync(path, { force: true });
    throw error;
  }
  return {
    ...encoder,
    finish(head) {
      encoder.end();
      const bytes = encodeFrameHead(head);
      if (writeSync(fd, bytes, 0, bytes.length, 0) !== bytes.length) throw invalid("the frame was cut short");
      isWhole = true;
    },
    close() {
      closeSync(fd);
      if (!isWhole) rmSync(path, { force: true });
    },
  };
}

/** @throws invalid for a damaged one; an error with the system call's `code` */
export function readFrameHead(path: string): FrameHead {
  const fd = openSync(path, "r");
  try {
    return decodeFrameHead(readUpTo(fd, frameHeadBytes));
  } finally {
    closeSync(fd);
  }
}

/** @throws invalid for a damaged one */
export function* readFrameParts(path: string): Generator<FramePart> {
  const fd = openSync(path, "r");
  try {
    decodeFrameHead(readUpTo(fd, frameHeadBytes));
    for (;;) {
      const head = decodeBlockHead(readUpTo(fd, blockHeadBytes));
      if (!head) return;
      yield* decodeBlock(readUpTo(fd, head.packedBytes), head.plainBytes);
    }
  } finally {
    closeSync(fd);
  }
}

function readUpTo(fd: number, bytes: number): Buffer {
  const buffer = Buffer.allocUnsafe(bytes);
  let there = 0;
  for (let count = 1; count > 0 && there < bytes; there += count)
    count = readSync(fd, buffer, there, bytes - there, null);
  return buffer.subarray(0, there);
}
