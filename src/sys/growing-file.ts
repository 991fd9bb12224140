import { closeSync, openSync } from "node:fs";
import { unavailable } from "../errors.ts";
import { createFileRing } from "./file-ring.ts";

/**
 * How far a file has grown that one thread writes and others read meanwhile, in memory they share: [bytes there, 1 when no
 * more will come, bytes read].
 */
export function createGrowth(): SharedArrayBuffer {
  return new SharedArrayBuffer(3 * BigInt64Array.BYTES_PER_ELEMENT);
}

const [written, ended, read] = [0, 1, 2];
const noBytes = Buffer.alloc(0);

export function tellWritten(growth: SharedArrayBuffer, bytes: number): void {
  const view = new BigInt64Array(growth);
  Atomics.store(view, written, BigInt(bytes));
  Atomics.notify(view, written);
}

/** No more will come, so readers give up waiting. */
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

/** A wait is no longer than this, so that an end that came in just the wrong moment is seen. */
const longestWaitMilliseconds = 500;

/**
 * The file's first `sizeBytes` bytes as they come. Read through a `FileRing`. @throws unavailable when they end early; the signal's reason
 */
export async function* readGrowingFile(
  path: string,
  sizeBytes: number,
  growth: SharedArrayBuffer,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const view = new BigInt64Array(growth);
  const fd = openSync(path, "r");
  const ring = createFileRing(fd);
  try {
    for (let offset = 0; offset < sizeBytes; ) {
      signal.throwIfAborted();
      const available = Number(Atomics.load(view, written));
      const wanted = Math.min(available, sizeBytes) - offset;
      const chunk = wanted > 0 ? ring.read(offset, wanted) : noBytes;
      if (chunk.length === 0) {
        if (wanted > 0 && available >= sizeBytes) throw unavailable(`unexpected EOF: ${path} was cut short`);
        // The writer that has given up what it had says why before the end.
        if (Atomics.load(view, ended) !== 0n)
          throw unavailable("unexpected EOF: the download was broken off");
        const { async, value } = Atomics.waitAsync(view, written, BigInt(available), longestWaitMilliseconds);
        if (async) await value;
        continue;
      }
      offset += chunk.length;
      yield chunk;
      Atomics.store(view, read, BigInt(offset));
    }
  } finally {
    closeSync(fd);
  }
}
