import { readFileSync } from "node:fs";

/** A mount, as listed in `/proc/self/mountinfo`. */
export interface TableEntry {
  mountpoint: string;
  /** The file system's: "ext4". */
  type: string;
  /** Those of the mount itself, in mount(8)'s words: "ro", "nosuid", … */
  options: string[];
  isShared: boolean;
  isSlave: boolean;
}

/** All mounts, in the table's order: of those on one place the last is on top. A line is read further only for what is found. */
export type MountTable = readonly { mountpoint: string; line: string }[];

export function readMountTable(): MountTable {
  return parseMountTable(readFileSync("/proc/self/mountinfo", "utf8"));
}

/** @param text as proc(5) describes it */
export function parseMountTable(text: string): MountTable {
  return text.split("\n").flatMap((line) => {
    const escaped = line.split(" ", 5)[4];
    return escaped === undefined ? [] : [{ mountpoint: decodeEscapes(escaped), line }];
  });
}

/** The mount that a path without links is in. */
export function findMount(path: string, table: MountTable): TableEntry {
  let found: MountTable[number] = { mountpoint: "/", line: "" };
  for (const entry of table) {
    const { mountpoint } = entry;
    const isAbove = mountpoint === "/" || path === mountpoint || path.startsWith(`${mountpoint}/`);
    if (isAbove && mountpoint.length >= found.mountpoint.length) found = entry;
  }
  return describe(found);
}

function describe({ mountpoint, line }: MountTable[number]): TableEntry {
  const [, , , , , options, ...fields] = line.split(" ");
  const end = fields.indexOf("-");
  const has = (tag: string) => fields.slice(0, end).some((field) => field.startsWith(tag));
  return {
    mountpoint,
    type: fields[end + 1] ?? "",
    options: options?.split(",") ?? [],
    isShared: has("shared:"),
    isSlave: has("master:"),
  };
}

const keptFlags = ["ro", "nosuid", "nodev", "noexec", "noatime", "nodiratime"];

/** The flags of the mount that a path without links is in: a bind of it must have them too, as seen from a user namespace at least. */
export const keptFlagsOf = (path: string, table: MountTable): string[] =>
  findMount(path, table).options.filter((option) => keptFlags.includes(option));

/** Where file systems of some types are mounted. */
export function listMountpoints(isWanted: (type: string) => boolean): string[] {
  return readMountTable().flatMap(({ mountpoint, line }) => (isWanted(typeOf(line)) ? [mountpoint] : []));
}

const typeOf = (line: string) => line.split(" - ", 2)[1]?.split(" ", 1)[0] ?? "";

/** Blanks, tabs, line feeds and backslashes are written as `\040`. */
function decodeEscapes(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
