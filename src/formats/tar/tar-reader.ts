import { invalid } from "../../errors.ts";
import { extensionLimitBytes, paddingAfter, type TarEntry } from "./tar-entry.ts";
import type { SparsePiece } from "./tar-sparse.ts";
import { createSparseBody, type SparseBody } from "./tar-sparse-body.ts";
import { createStartReader, type StartedEntry } from "./tar-start.ts";

/** Each entry is followed by its data in pieces, with the holes of a sparse file between them, and one "end". */
export type TarEvent = { kind: "entry"; entry: TarEntry } | SparsePiece | { kind: "end" };

export interface TarReader {
  /** What the next bytes of the archive bring. Must be run to its end before the next call. @throws invalid */
  push(chunk: Buffer): Generator<TarEvent>;
  /** @throws invalid when the archive stops in the middle of an entry. */
  finish(): void;
  /** The archive's end has come. What follows is read over. */
  readonly isOver: boolean;
}

const noBytes = Buffer.alloc(0);

/**
 * Reads ustar, PAX, GNU and V7 archives, sparse files included, keeping names and attributes byte for byte.
 * @param limitBytes of what may be said of one entry beside its header
 * @param onFraming is given, in order, every part of the archive that no "data" event reports
 */
export function createTarReader(
  limitBytes = extensionLimitBytes,
  onFraming?: (part: Buffer) => void,
): TarReader {
  const starts = createStartReader(limitBytes);
  /** Of the present entry: the rest of a plain body, or a sparse one. */
  let plainLeft = 0;
  let sparse: SparseBody | undefined;
  let paddingLeft = 0;
  let carried: Buffer = noBytes;
  let ended = false;

  function* begin({ entry, storedBytes, sparse: content }: StartedEntry): Generator<TarEvent> {
    paddingLeft = paddingAfter(storedBytes);
    if (content) sparse = createSparseBody(content, storedBytes);
    else plainLeft = storedBytes;
    yield { kind: "entry", entry };
    if (sparse ? sparse.isComplete : plainLeft === 0) yield* end();
  }

  function* end(): Generator<TarEvent> {
    if (sparse) yield* sparse.end();
    sparse = undefined;
    yield { kind: "end" };
  }

  /** @returns how many of the bytes there are go together; 0 for fewer than are wanted */
  function measure(thereBytes: number): number {
    if (plainLeft > 0) return Math.min(plainLeft, thereBytes);
    if (sparse) return thereBytes < sparse.leastBytes ? 0 : Math.min(sparse.mostBytes, thereBytes);
    if (paddingLeft > 0) return Math.min(paddingLeft, thereBytes);
    return thereBytes < starts.nextBytes ? 0 : starts.nextBytes;
  }

  return {
    *push(chunk) {
      let rest = carried.length > 0 ? Buffer.concat([carried, chunk]) : chunk;
      carried = noBytes;
      while (rest.length > 0) {
        if (ended) {
          onFraming?.(rest);
          return;
        }
        const partBytes = measure(rest.length);
        if (partBytes === 0) {
          carried = rest;
          return;
        }
        const part = rest.subarray(0, partBytes);
        rest = rest.subarray(partBytes);
        if (plainLeft === 0 && !sparse?.isInData) onFraming?.(part);
        if (plainLeft > 0) {
          plainLeft -= partBytes;
          yield { kind: "data", data: part };
          if (plainLeft === 0) yield* end();
        } else if (sparse) {
          yield* sparse.take(part);
          if (sparse.isComplete) yield* end();
        } else if (paddingLeft > 0) {
          paddingLeft -= partBytes;
        } else {
          const started = starts.take(part);
          paddingLeft = paddingAfter(partBytes);
          if (started === "archiveEnd") ended = true;
          else if (started) yield* begin(started);
        }
      }
    },
    get isOver() {
      return ended;
    },
    finish() {
      const isInside = plainLeft > 0 || sparse || carried.length > 0 || starts.isInside;
      if (isInside && !ended) throw invalid("unexpected EOF: the archive is truncated");
    },
  };
}
