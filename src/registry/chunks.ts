import type { Chunk } from "./storage.ts";

/**
 * The chunks of an upload as far as they follow each other, each cut where the next begins: a writer that was given up may still add to
 * its chunk after the client has gone on from what there was.
 */
export function joinChunks(stored: readonly Chunk[]): Chunk[] {
  const joined: Chunk[] = [];
  for (const chunk of stored.filter(({ sizeBytes }) => sizeBytes > 0)) {
    const previous = joined.at(-1);
    if (chunk.offset > endOf(joined)) break;
    if (previous) previous.sizeBytes = chunk.offset - previous.offset;
    joined.push({ ...chunk });
  }
  return joined;
}

/** The key of a chunk; the names sort as the offsets do. */
export const chunkKey = (folder: string, offset: number) => `${folder}/${String(offset).padStart(16, "0")}`;

/** The offset of the chunk of that name; undefined for what is no chunk. */
export function parseChunkName(name: string): number | undefined {
  return /^\d{16}$/.test(name) ? Number(name) : undefined;
}

/** The offset at which an upload goes on. */
export function endOf(chunks: readonly Chunk[]): number {
  const last = chunks.at(-1);
  return last ? last.offset + last.sizeBytes : 0;
}

/** True when both are the same bytes from the same requests. */
export function areSameChunks(one: readonly Chunk[], other: readonly Chunk[]): boolean {
  const describe = ({ offset, sizeBytes, version }: Chunk) => `${offset} ${sizeBytes} ${version}`;
  return one.map(describe).join() === other.map(describe).join();
}
