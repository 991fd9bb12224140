import { invalid } from "../errors.ts";

/** A run of ids of a user namespace and the ids that the machine knows them by (user_namespaces(7)). */
export interface IdRange {
  inside: number;
  outside: number;
  size: number;
}

/** How the users and groups of remapped containers appear on the machine. Both begin with root at 0 inside. */
export interface IdMapping {
  uids: readonly IdRange[];
  gids: readonly IdRange[];
}

/** A file's owner. */
export interface IdPair {
  uid: number;
  gid: number;
}

/** What the kernel shows for an id that a namespace has none for. */
const overflowId = 65534;

/** @returns undefined for one that the namespace does not have */
export function findOutside(ranges: readonly IdRange[], inside: number): number | undefined {
  const range = ranges.find((one) => inside >= one.inside && inside - one.inside < one.size);
  return range && range.outside + (inside - range.inside);
}

/** @returns undefined for one that the namespace does not have */
export function findInside(ranges: readonly IdRange[], outside: number): number | undefined {
  const range = ranges.find((one) => outside >= one.outside && outside - one.outside < one.size);
  return range && range.inside + (outside - range.outside);
}

/** An owner as processes in the namespace see it. */
export function ownerInside({ uids, gids }: IdMapping, { uid, gid }: IdPair): IdPair {
  return { uid: idInside(uids, uid), gid: idInside(gids, gid) };
}

/** An owner as the machine has it. @throws EngineError invalid in Docker's words for one that the namespace does not have */
export function ownerOutside({ uids, gids }: IdMapping, { uid, gid }: IdPair): IdPair {
  return { uid: idOutside(uids, uid), gid: idOutside(gids, gid) };
}

/** An id as processes in the namespace see it. */
export function idInside(ranges: readonly IdRange[], outside: number): number {
  return findInside(ranges, outside) ?? overflowId;
}

/** An id as the machine has it. @throws as `ownerOutside` */
export function idOutside(ranges: readonly IdRange[], inside: number): number {
  const outside = findOutside(ranges, inside);
  if (outside === undefined) throw invalid(`container ID ${inside} cannot be mapped to a host ID`);
  return outside;
}

/** The machine's ids for the namespace's root. */
export function rootOutside({ uids, gids }: IdMapping): IdPair {
  return { uid: findOutside(uids, 0) ?? 0, gid: findOutside(gids, 0) ?? 0 };
}

/** The lines of /proc/PID/uid_map and gid_map. */
export function formatIdMap(ranges: readonly IdRange[]): string {
  return ranges.map(({ inside, outside, size }) => `${inside} ${outside} ${size}\n`).join("");
}

/** Reads a /proc/PID/uid_map or gid_map, which the kernel has written. */
export function parseIdMap(text: string): IdRange[] {
  return text.split("\n").flatMap((line) => {
    const [, inside, outside, size] = /^\s*(\d+)\s+(\d+)\s+(\d+)\s*$/.exec(line) ?? [];
    return size === undefined ? [] : { inside: Number(inside), outside: Number(outside), size: Number(size) };
  });
}

/** The machine's own user namespace has every id, as itself. */
export function isIdentity([first, ...others]: readonly IdRange[]): boolean {
  return others.length === 0 && first?.inside === 0 && first.outside === 0 && first.size >= 0xffff_ffff;
}
