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

export function readMountTable(): string {
  return readFileSync("/proc/self/mountinfo", "utf8");
}

/** The mount that a path without links is in. @param table as proc(5) describes it; of mounts on one place the last is on top */
export function findMount(path: string, table: string): TableEntry {
  let found: TableEntry = { mountpoint: "/", type: "", options: [], isShared: false, isSlave: false };
  for (const line of table.split("\n")) {
    const [, , , , escaped, options = "", ...fields] = line.split(" ");
    if (escaped === undefined) continue;
    const mountpoint = decodeEscapes(escaped);
    const isAbove = mountpoint === "/" || path === mountpoint || path.startsWith(`${mountpoint}/`);
    if (!isAbove || mountpoint.length < found.mountpoint.length) continue;
    const end = fields.indexOf("-");
    const tags = fields.slice(0, end);
    const has = (tag: string) => tags.some((field) => field.startsWith(tag));
    const type = fields[end + 1] ?? "";
    found = {
      mountpoint,
      type,
      options: options.split(","),
      isShared: has("shared:"),
      isSlave: has("master:"),
    };
  }
  return found;
}

const keptFlags = ["ro", "nosuid", "nodev", "noexec", "noatime", "nodiratime"];

/** The flags of the mount that a path without links is in: a bind of it must have them too, as seen from a user namespace at least. */
export const keptFlagsOf = (path: string, table: string): string[] =>
  findMount(path, table).options.filter((option) => keptFlags.includes(option));

/** Where file systems of some types are mounted. */
export function listMountpoints(isWanted: (type: string) => boolean): string[] {
  return readMountTable()
    .split("\n")
    .flatMap((line) => {
      const [place = "", described = ""] = line.split(" - ", 2);
      return isWanted(described.split(" ", 1)[0] ?? "") ? [decodeEscapes(place.split(" ")[4] ?? "")] : [];
    });
}

/** Blanks, tabs, line feeds and backslashes are written as `\040`. */
function decodeEscapes(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
