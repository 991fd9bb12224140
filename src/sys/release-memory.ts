/**
 * Gives a chunk's memory back at once when it is the last of its buffer. For streams of hundreds of megabytes: the collector
 * lets fifty of them gather in each thread before it looks. Nothing of the buffer may be needed any more.
 */
export function releaseMemory(chunk: Buffer): void {
  const { buffer } = chunk;
  const isLast = chunk.byteOffset + chunk.length === buffer.byteLength;
  // Small ones are parts of a buffer that many share.
  if (isLast && buffer instanceof ArrayBuffer && buffer.byteLength > sharedBytes) buffer.transfer(0);
}

const sharedBytes = 16 * 1024;
