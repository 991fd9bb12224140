const typeMask = 0o170000;

/** Go's os.FileMode bits for each type bit of stat(2). */
const types = new Map<number, number>([
  [0o040000, 2 ** 31],
  [0o120000, 2 ** 27],
  [0o060000, 2 ** 26],
  [0o020000, 2 ** 26 + 2 ** 21],
  [0o010000, 2 ** 25],
  [0o140000, 2 ** 24],
]);
const specials: [number, number][] = [
  [0o4000, 2 ** 23],
  [0o2000, 2 ** 22],
  [0o1000, 2 ** 20],
];

/** Turns stat(2)'s mode into Go's os.FileMode, which Docker's API sends. */
export function encodeGoFileMode(mode: number): number {
  const special = specials.reduce((sum, [bit, goBit]) => sum + (mode & bit ? goBit : 0), 0);
  return (types.get(mode & typeMask) ?? 0) + special + (mode & 0o777);
}

const kinds = [
  [2 ** 31, "directory"],
  [2 ** 27, "symlink"],
  [2 ** 26 + 2 ** 21, "characterDevice"],
  [2 ** 26, "blockDevice"],
  [2 ** 25, "fifo"],
  [2 ** 24, "socket"],
] as const;

/** What Go's os.FileMode says: the kind of file, and its permission bits with setuid, setgid and sticky. */
export function decodeGoFileMode(goMode: number): {
  type: (typeof kinds)[number][1] | "file";
  mode: number;
} {
  const has = (bits: number) => (goMode & bits) >>> 0 === bits;
  const special = specials.reduce((sum, [bit, goBit]) => sum + (has(goBit) ? bit : 0), 0);
  return { type: kinds.find(([bits]) => has(bits))?.[1] ?? "file", mode: special + (goMode & 0o777) };
}
