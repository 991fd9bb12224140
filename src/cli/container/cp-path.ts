import path from "node:path/posix";

/** One side of `cp`. An absolute path, `-`, and what starts with a dot are local; otherwise the first colon splits. */
export function parseCopyArgument(text: string): { container: string; path: string } {
  const colon = text.indexOf(":");
  if (text.startsWith("/") || colon === -1 || text.startsWith(".")) return { container: "", path: text };
  return { container: text.slice(0, colon), path: text.slice(colon + 1) };
}

/** The path says itself that it is a folder: it ends in `/` or `/.`. */
export const assertsFolder = (file: string) => file.endsWith("/") || file.endsWith("/.") || file === ".";

/** The name under which a path's archive carries it: `.` for `folder/.`, which stands for the folder's contents. */
export const baseOf = (file: string) => (file.endsWith("/.") || file === "." ? "." : path.basename(file));

export interface CopySource {
  path: string;
  isFolder: boolean;
  /** What the copy is called in a folder, where the path has another name: a link that was followed keeps its own. */
  name?: string;
}

export interface CopyTarget {
  path: string;
  exists: boolean;
  isFolder: boolean;
}

export interface CopyPlan {
  /** The folder the archive is unpacked in. */
  folder: string;
  /** The first name of every entry becomes this; undefined leaves the names. */
  rename: { from: string; to: string } | undefined;
}

/** Where a copy goes: into a folder that is there, or under a new name beside it. @throws Error in Docker's words */
export function planCopy(source: CopySource, target: CopyTarget): CopyPlan {
  const from = baseOf(source.path);
  const { name = from } = source;
  if (target.exists && target.isFolder)
    return { folder: target.path, rename: name === from ? undefined : { from, to: name } };
  if (target.exists && source.isFolder) throw new Error("cannot copy directory");
  if (!target.exists && !source.isFolder && assertsFolder(target.path)) throw new Error("no such directory");
  const clean = target.path.replace(/\/\.?$/, "");
  return {
    folder: path.dirname(clean),
    rename: { from, to: path.basename(clean) },
  };
}

export function renameEntry(name: string, { rename }: CopyPlan): string {
  if (rename === undefined) return name;
  const { from, to } = rename;
  const bare = name.replace(/^\.\//, "");
  if (from === ".") return bare === "" || bare === "." ? to : `${to}/${bare}`;
  if (bare === from || bare === `${from}/`) return to;
  return bare.startsWith(`${from}/`) ? to + bare.slice(from.length) : name;
}
