import { closeSync, openSync, readSync } from "node:fs";
import { unavailable } from "../errors.ts";

/**
 * How far a file has grown that one thread writes and others read meanwhile, in memory they share: [bytes there, 1 when no
 * more will come, bytes read].
 */
export function createGrowth(): SharedArrayBuffer {
  return new SharedArrayBuffer(3 * BigInt64Array.BYTES_PER_ELEMENT);
}

const [written, ended, read] = [0, 1, 2];

export function tellWritten(growth: SharedArrayBuffer, bytes: number): void {
  const view = new BigInt64Array(growth);
  Atomics.store(view, written, BigInt(bytes));
  Atomics.notify(view, written);
}

/** No more will come: whoever waits for it gives up. */
export function endGrowth(growth: SharedArrayBuffer): void {
  const view = new BigInt64Array(growth);
  Atomics.store(view, ended, 1n);
  Atomics.notify(view, written);
}

export function readGrowth(growth: SharedArrayBuffer): { writtenBytes: number; readBytes: number } {
  const view = new BigInt64Array(growth);
  return {
    writtenBytes: Number(Atomics.load(view, written)),
    readBytes: Number(Atomics.load(view, read)),
  };
}

const chunkBytes = 256 * 1024;
/** What is read goes into these by turns. A reader may be so far ahead of what is done with its chunks, less two. */
export const growingChunks = 16;
/** A wait is no longer than this, so that an end that came in just the wrong moment is seen. */
const longestWaitMilliseconds = 500;

/**
 * The file's first `sizeBytes` bytes as they come. A chunk's memory is used again `growingChunks` chunks later: garbage of
 * hundreds of megabytes would be collected too late. @throws unavailable when they end early; the signal's reason
 */
export async function* readGrowingFile(
  path: string,
  sizeBytes: number,
  growth: SharedArrayBuffer,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const view = new BigInt64Array(growth);
  const fd = openSync(path, "r");
  const ring: Buffer[] = [];
  let turn = 0;
  try {
    for (let offset = 0; offset < sizeBytes; ) {
      signal.throwIfAborted();
      const available = Number(Atomics.load(view, written));
      if (available <= offset) {
        if (Atomics.load(view, ended) !== 0n)
          throw unavailable("unexpected EOF: the download was broken off");
        const { async, value } = Atomics.waitAsync(view, written, BigInt(available), longestWaitMilliseconds);
        if (async) await value;
        continue;
      }
      const place = turn++ % growingChunks;
      ring[place] ??= Buffer.allocUnsafe(Math.min(chunkBytes, sizeBytes));
      const chunk = ring[place];
      const wanted = Math.min(chunk.length, Math.min(available, sizeBytes) - offset);
      const count = readSync(fd, chunk, 0, wanted, offset);
      if (count === 0) throw unavailable(`unexpected EOF: ${path} was cut short`);
      offset += count;
      yield chunk.subarray(0, count);
      Atomics.store(view, read, BigInt(offset));
    }
  } finally {
    closeSync(fd);
  }
}
