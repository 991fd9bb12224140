import { invalid } from "../../errors.ts";
import { blockBytes, extensionLimitBytes } from "./tar-entry.ts";
import { createMapText, createSparseFiller, createSparseMap, type SparsePiece } from "./tar-sparse.ts";

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
  /** What it takes next is content, not the map. */
  readonly isInData: boolean;
  /** @throws invalid */
  take(piece: Buffer): Iterable<SparsePiece>;
  /** What comes after the last piece. */
  end(): Iterable<SparsePiece>;
}

/** @param storedBytes the body's size, of the map with it. @throws invalid */
export function createSparseBody({ numbers, sizeBytes }: SparseContent, storedBytes: number): SparseBody {
  let left = storedBytes;
  const map = createMapText();
  let filler = numbers && createSparseFiller(createSparseMap(numbers, sizeBytes, left));

  function takeMap(block: Buffer): void {
    const found = map.add(block);
    if (found) filler = createSparseFiller(createSparseMap(found, sizeBytes, left));
    else if (left < blockBytes || map.lengthBytes > extensionLimitBytes)
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
    get isInData() {
      return filler !== undefined;
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
