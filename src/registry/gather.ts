/** How much is written at once, and what may be in memory. */
export interface Gathering {
  /** Written together, `totalBytes` into the source. */
  batchBytesAt(totalBytes: number): number;
  write(parts: Uint8Array[], sizeBytes: number): Promise<void>;
}

/**
 * Gathers small pieces, since a write costs more than a wait, and writes them while the next arrive. What came before a failure is
 * written.
 * @returns bytes in all
 */
export type Gather = (source: AsyncIterable<Uint8Array>, gathering: Gathering) => Promise<number>;

/** Of a batch, when memory is short. */
const leastShare = 1 / 16;

/**
 * @param budgetBytes of all that is gathered or being written at a time. Beyond it batches become smaller: no upload waits for
 * others, whose clients may be as slow as they like
 */
export function createGather(budgetBytes: number): Gather {
  let heldBytes = 0;
  return async (source, { batchBytesAt, write }) => {
    let batch = createBatch();
    let ownBytes = 0;
    let totalBytes = 0;
    let writing = Promise.resolve();
    const hold = (bytes: number) => {
      ownBytes += bytes;
      heldBytes += bytes;
    };
    const isFull = () => {
      const most = batchBytesAt(totalBytes);
      return batch.sizeBytes() >= (heldBytes > budgetBytes ? most * leastShare : most);
    };
    const flush = async () => {
      const sizeBytes = batch.sizeBytes();
      const parts = batch.take();
      batch = createBatch();
      totalBytes += sizeBytes;
      await writing;
      if (sizeBytes > 0) writing = write(parts, sizeBytes).finally(() => hold(-sizeBytes));
      // Told by the next wait for it.
      writing.catch(() => {});
    };
    try {
      for await (const part of source) {
        batch.add(part);
        hold(part.length);
        if (isFull()) await flush();
      }
    } finally {
      try {
        await flush();
        await writing;
      } finally {
        hold(-ownBytes);
      }
    }
    return totalBytes;
  };
}

const smallBytes = 16 << 10;
const blockBytes = 64 << 10;

/** Pieces in order. Small ones are copied together: a client that sends single bytes would have a hundred times as much kept for each. */
function createBatch() {
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  let block = Buffer.alloc(0);
  let usedBytes = 0;

  function endBlock(): void {
    if (usedBytes > 0) parts.push(block.subarray(0, usedBytes));
    block = block.subarray(usedBytes);
    usedBytes = 0;
  }

  return {
    sizeBytes: () => sizeBytes,
    add(part: Uint8Array): void {
      sizeBytes += part.length;
      if (part.length >= smallBytes) {
        endBlock();
        parts.push(part);
        return;
      }
      if (block.length - usedBytes < part.length) {
        endBlock();
        block = Buffer.allocUnsafeSlow(blockBytes);
      }
      block.set(part, usedBytes);
      usedBytes += part.length;
    },
    take(): Uint8Array[] {
      endBlock();
      return parts;
    },
  };
}
