import { readSync } from "node:fs";

const chunkBytes = 256 * 1024;
const chunks = 16;

/**
 * Reads a file through sixteen buffers by turns: garbage of hundreds of megabytes would be collected too late. A chunk's content
 * stands until sixteen more have been read, so whoever is ahead of what is done with them must stay well below that.
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

/** For streams that read ahead: far less than all the chunks. */
export const ringAheadBytes = 2 * chunkBytes;
