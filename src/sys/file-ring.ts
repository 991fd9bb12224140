import { readSync } from "node:fs";

const chunkBytes = 256 * 1024;
const chunks = 16;

/**
 * Reads a file through sixteen buffers by turns: garbage of hundreds of megabytes would be collected too late. A chunk's content
 * stands until sixteen more have been read, so a reader that runs ahead of its consumer must stay well below that.
 */
export interface FileRing {
  /** The next bytes at `offset`, at most `mostBytes`; empty at the end of the file. */
  read(offset: number, mostBytes: number): Buffer;
}

export function createFileRing(fd: number): FileRing {
  const ring: Buffer[] = [];
  let turn = 0;
  return {
    read(offset, mostBytes) {
      const place = turn++ % chunks;
      const buffer = ring[place] ?? Buffer.allocUnsafe(chunkBytes);
      ring[place] = buffer;
      return buffer.subarray(0, readSync(fd, buffer, 0, Math.min(buffer.length, mostBytes), offset));
    },
  };
}

/** Copies pieces, each valid until the next, into full chunks of such a ring. */
export function* gatherInRing(pieces: Iterable<Buffer>): Generator<Buffer> {
  const ring: Buffer[] = [];
  let turn = 0;
  let used = 0;
  const current = () => (ring[turn] ??= Buffer.allocUnsafe(chunkBytes));
  for (const piece of pieces) {
    for (let at = 0; at < piece.length; ) {
      const count = piece.copy(current(), used, at);
      at += count;
      used += count;
      if (used < chunkBytes) continue;
      yield current();
      turn = (turn + 1) % chunks;
      used = 0;
    }
  }
  if (used > 0) yield current().subarray(0, used);
}

/** For streams that read ahead: far less than all the chunks. */
export const ringAheadBytes = 2 * chunkBytes;
