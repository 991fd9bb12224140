import { invalid } from "../../errors.ts";
import type { PaxRecords } from "./tar-pax.ts";

/** Where in a sparse file the data is that the archive holds; all else is holes. */
export interface SparseMap {
  /** In order, not overlapping, none empty. */
  segments: SparseSegment[];
  /** Of the whole file. */
  sizeBytes: number;
}

interface SparseSegment {
  offset: number;
  length: number;
}

const malformed = () => invalid("invalid tar header: malformed sparse map");
const headerSegments = 4;
const extensionSegments = 21;
const segmentBytes = 24;
const numberBytes = 12;

/** The part of the map in a header of GNU's old format (tar manual, "Storing Sparse Files", Old GNU). @param read reads a number field */
export function readGnuHeader(
  block: Buffer,
  read: ReadNumber,
): { numbers: number[]; isContinued: boolean; sizeBytes: number } {
  return {
    numbers: readGnuSegments(block, 386, headerSegments, read),
    isContinued: block[482] !== 0 && block[482] !== 0x30,
    sizeBytes: read(block, 483, numberBytes),
  };
}

/** A block that continues it. */
export function readGnuContinuation(
  block: Buffer,
  read: ReadNumber,
): { numbers: number[]; isContinued: boolean } {
  return {
    numbers: readGnuSegments(block, 0, extensionSegments, read),
    isContinued: block[504] !== 0 && block[504] !== 0x30,
  };
}

type ReadNumber = (block: Buffer, offset: number, length: number) => number;

function readGnuSegments(block: Buffer, start: number, count: number, read: ReadNumber): number[] {
  const numbers: number[] = [];
  for (let index = 0; index < count; index++) {
    const at = start + index * segmentBytes;
    if (block[at] === 0) break;
    numbers.push(read(block, at, numberBytes), read(block, at + numberBytes, numberBytes));
  }
  return numbers;
}

/**
 * What PAX records say about a sparse file: formats 0.0 and 0.1 have the map here, 1.0 at the beginning of the data.
 * Undefined for a file that is not sparse. @throws invalid
 */
export function readPaxSparse(
  pax: PaxRecords,
): { name: string | undefined; sizeBytes: number; numbers: number[] | undefined } | undefined {
  const text = (keyword: string) => pax.get(`GNU.sparse.${keyword}`)?.toString("latin1");
  const name = text("name");
  if (name?.includes("\0")) throw invalid("invalid tar header");
  if (text("major") === "1" && text("minor") === "0")
    return { name, sizeBytes: parseNumber(text("realsize") ?? text("size") ?? ""), numbers: undefined };
  const map = text("map");
  if (map === undefined) return undefined;
  const numbers = map === "" ? [] : map.split(",").map(parseNumber);
  return { name, sizeBytes: parseNumber(text("size") ?? text("realsize") ?? ""), numbers };
}

/**
 * The map of format 1.0, which comes in many pieces: decimal numbers, one a line, how many segments first. It is read once it is
 * all there.
 */
export function createMapText() {
  const pieces: string[] = [];
  let lengthBytes = 0;
  let lines = 0;
  let wantedLines: number | undefined;
  return {
    get lengthBytes() {
      return lengthBytes;
    },
    /** @returns undefined while more of it is wanted. @throws invalid */
    add(block: Buffer): number[] | undefined {
      pieces.push(block.toString("latin1"));
      lengthBytes += block.length;
      for (const byte of block) if (byte === 0x0a) lines++;
      if (lines === 0) return undefined;
      wantedLines ??= 1 + 2 * parseNumber(pieces.join("").split("\n", 1)[0] ?? "");
      if (lines < wantedLines) return undefined;
      return pieces.join("").split("\n", wantedLines).slice(1).map(parseNumber);
    },
  };
}

function parseNumber(text: string): number {
  if (!/^\d{1,16}$/.test(text) || !Number.isSafeInteger(Number(text))) throw malformed();
  return Number(text);
}

/**
 * @param numbers offset and length of each segment, alternating
 * @param storedBytes how much data the archive has of the file
 * @throws invalid
 */
export function createSparseMap(
  numbers: readonly number[],
  sizeBytes: number,
  storedBytes: number,
): SparseMap {
  if (numbers.length % 2 !== 0 || sizeBytes < 0) throw malformed();
  const segments: SparseSegment[] = [];
  let end = 0;
  let total = 0;
  for (let index = 0; index < numbers.length; index += 2) {
    const [offset = 0, length = 0] = numbers.slice(index, index + 2);
    if (offset < end || length < 0 || offset + length > sizeBytes) throw malformed();
    end = offset + length;
    total += length;
    if (length > 0) segments.push({ offset, length });
  }
  if (total !== storedBytes) throw malformed();
  return { segments, sizeBytes };
}

export type SparsePiece = { kind: "data"; data: Buffer } | { kind: "hole"; lengthBytes: number };

/** Puts the holes between the data of a sparse file. */
export function createSparseFiller({ segments, sizeBytes }: SparseMap) {
  let next = 0;
  let position = 0;
  function* holeTo(offset: number): Generator<SparsePiece> {
    if (offset > position) yield { kind: "hole", lengthBytes: offset - position };
    position = offset;
  }
  return {
    *push(stored: Buffer): Generator<SparsePiece> {
      let rest = stored;
      while (rest.length > 0) {
        const segment = segments[next];
        if (!segment) throw malformed();
        yield* holeTo(Math.max(position, segment.offset));
        const data = rest.subarray(0, segment.offset + segment.length - position);
        yield { kind: "data", data };
        position += data.length;
        rest = rest.subarray(data.length);
        if (position === segment.offset + segment.length) next++;
      }
    },
    end: () => holeTo(sizeBytes),
  };
}
