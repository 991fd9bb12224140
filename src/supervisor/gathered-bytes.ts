const leastBytes = 256;
const noBytes = Buffer.alloc(0);

/** Bytes put one after the other into one buffer, which grows as needed and is used again. */
export class GatheredBytes {
  #bytes: Buffer = noBytes;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Valid until the next call. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  put(source: Buffer, start = 0, end = source.length): void {
    const length = this.#length + end - start;
    if (length > this.#bytes.length) this.#grow(length);
    source.copy(this.#bytes, this.#length, start, end);
    this.#length = length;
  }

  clear(): void {
    this.#length = 0;
  }

  /** Gives the memory back, if nothing is in it. */
  release(): void {
    if (this.#length === 0) this.#bytes = noBytes;
  }

  #grow(neededBytes: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(neededBytes, 2 * this.#bytes.length, leastBytes));
    this.bytes.copy(grown);
    this.#bytes = grown;
  }
}
