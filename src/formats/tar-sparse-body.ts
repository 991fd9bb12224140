import { invalid } from "../errors.ts";
import { blockBytes, extensionLimitBytes } from "./tar-entry.ts";
import { createSparseFiller, createSparseMap, parseSparseLines, type SparsePiece } from "./tar-sparse.ts";

/** What is known of a sparse file before its body. */
export interface SparseContent {
  /** Of the whole file. */
  sizeBytes: number;
  /** The map, as `createSparseMap` takes it; format 1.0 has it at the beginning of the body. */
  numbers: number[] | undefined;
}

/** The body of an entry, read in pieces. */
export interface SparseBody {
  /** The smallest and the largest piece it takes next. */
  readonly leastBytes: number;
  readonly mostBytes: number;
  readonly isComplete: boolean;
  /** @throws invalid */
  take(piece: Buffer): Iterable<SparsePiece>;
  /** What comes after the last piece. */
  end(): Iterable<SparsePiece>;
}

/** @param storedBytes the body's size, of the map with it. @throws invalid */
export function createSparseBody({ numbers, sizeBytes }: SparseContent, storedBytes: number): SparseBody {
  let left = storedBytes;
  let text = "";
  let lines = 0;
  let filler = numbers && createSparseFiller(createSparseMap(numbers, sizeBytes, left));

  function takeMap(block: Buffer): void {
    text += block.toString("latin1");
    for (const byte of block) if (byte === 0x0a) lines++;
    const found = parseSparseLines(text, lines);
    if (found) filler = createSparseFiller(createSparseMap(found, sizeBytes, left));
    else if (left < blockBytes || text.length > extensionLimitBytes)
      throw invalid("invalid tar header: malformed sparse map");
  }

  return {
    get leastBytes() {
      return filler ? 1 : blockBytes;
    },
    get mostBytes() {
      return filler ? left : blockBytes;
    },
    get isComplete() {
      return filler !== undefined && left === 0;
    },
    take(piece) {
      left -= piece.length;
      if (filler) return filler.push(piece);
      takeMap(piece);
      return [];
    },
    end: () => filler?.end() ?? [],
  };
}
