import { invalid } from "../errors.ts";
import type { IdRange } from "./id-mapping.ts";

/** A run of ids that a user may have for namespaces (subuid(5)). */
export interface SubordinateRange {
  start: number;
  size: number;
}

/** What the kernel takes in one mapping (user_namespaces(7)). */
const mostRanges = 340;
const endOfIds = 0xffff_ffff;

/**
 * The ranges that an /etc/subuid or /etc/subgid gives to a user, in the file's order. Lines that are none of the file's grammar, and
 * ranges that lead beyond all ids or take in the machine's root, are passed over.
 * @param user by name and by id: lines may have either
 */
export function findSubordinateRanges(text: string, user: { name: string; uid: number }): SubordinateRange[] {
  return text.split("\n").flatMap((line) => {
    const [owner, start, size, ...others] = line.trim().split(":");
    if (others.length > 0 || (owner !== user.name && owner !== String(user.uid))) return [];
    const range = { start: parseId(start), size: parseId(size) };
    const isUsable = range.start > 0 && range.size > 0 && range.start + range.size <= endOfIds;
    return isUsable ? [range] : [];
  });
}

function parseId(text: string | undefined): number {
  return text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : -1;
}

/** Ranges one after the other, from 0 inside. @throws EngineError invalid for ranges that overlap, or more than the kernel takes */
export function concatenateRanges(ranges: readonly SubordinateRange[]): IdRange[] {
  if (ranges.length > mostRanges)
    throw invalid(
      `${ranges.length} ranges of subordinate ids are more than the kernel takes (${mostRanges})`,
    );
  const ordered = ranges.toSorted((a, b) => a.start - b.start);
  for (const [index, range] of ordered.entries()) {
    const next = ordered[index + 1];
    if (next && range.start + range.size > next.start)
      throw invalid(`the ranges of subordinate ids at ${range.start} and ${next.start} overlap`);
  }
  let inside = 0;
  return ranges.map(({ start, size }) => {
    const range = { inside, outside: start, size };
    inside += size;
    return range;
  });
}

/** Where 65,536 ids follow that no line of the file gives to anyone, as useradd(8) chooses them. */
export function findFreeStart(text: string): number {
  const ends = text.split("\n").map((line) => {
    const [, start, size] = line.trim().split(":");
    return Math.max(0, parseId(start)) + Math.max(0, parseId(size));
  });
  return Math.max(firstStart, ...ends);
}

const firstStart = 100_000;
