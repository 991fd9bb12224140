import type { ByteString } from "../../formats/tar/tar-entry.ts";
import type { ContextEntry } from "./entry.ts";
import type { StoredContent } from "./stored-tree.ts";

/** What is said of a file or a directory, but for where it is. */
export type AboutNode = Omit<ContextEntry, "path" | "identity">;

/** Something in a tree that an archive was unpacked to, in memory. */
export type ArchivedNode = ArchivedFile | ArchivedDirectory;

/** Anything but a directory. */
export interface ArchivedFile {
  readonly about: AboutNode;
  /** How many names it has been given; some may be gone with their directory. */
  nameCount: number;
  /** Of a plain file, once it is whole. */
  content?: StoredContent;
  readonly children?: undefined;
}

export interface ArchivedDirectory {
  about: AboutNode;
  readonly children: Map<ByteString, ArchivedNode>;
  /** The root's is itself. */
  readonly parent: ArchivedDirectory;
  /** What the path to it takes, as such and in a list, and how many names it has. */
  readonly pathBytes: number;
  readonly listedBytes: number;
  readonly depth: number;
}

/** What the kernel would say of a path. */
export class PathError extends Error {}

/** As many as the kernel follows in one path. */
const mostLinks = 40;
/** Names in one path, those of its links included: each is looked up, and links can be made of nothing but "a/../a/..". */
const mostNames = 4096;

/**
 * Where names lead from the root, all links followed inside of it, as for a process whose root it is.
 * @param make makes a directory where one is missing; on the way that a link names none is made
 * @throws PathError
 */
export function leadTo(
  root: ArchivedDirectory,
  names: readonly ByteString[],
  make?: (parent: ArchivedDirectory, name: ByteString) => ArchivedDirectory,
): ArchivedNode {
  const rest = names.toReversed();
  let here: ArchivedNode = root;
  for (let [ownLeft, links, count] = [rest.length, 0, 0]; rest.length > 0; ) {
    if (++count > mostNames) throw new PathError("file name too long");
    const isOwn = rest.length === ownLeft;
    const name = rest.pop() as ByteString;
    if (isOwn) ownLeft--;
    if (name === "" || name === ".") continue;
    if (!here.children) throw new PathError("not a directory");
    const above: ArchivedNode = here === root ? here : here.parent;
    const next: ArchivedNode | undefined = name === ".." ? above : here.children.get(name);
    if (next?.about.type === "symlink") {
      if (++links > mostLinks) throw new PathError("too many levels of symbolic links");
      const target = next.about.linkName ?? "";
      if (target.startsWith("/")) here = root;
      rest.push(...target.split("/").reverse());
      continue;
    }
    if (!next && !(isOwn && make)) throw new PathError("no such file or directory");
    here = next ?? (make as NonNullable<typeof make>)(here, name);
  }
  return here;
}

/** @throws PathError also where something else is */
export function leadToDirectory(...where: Parameters<typeof leadTo>): ArchivedDirectory {
  const found = leadTo(...where);
  if (!found.children) throw new PathError("not a directory");
  return found;
}

/** What `look` finds; undefined where its path leads nowhere. */
export function findUnlessAbsent<R>(look: () => R): R | undefined {
  try {
    return look();
  } catch (error) {
    if (error instanceof PathError) return undefined;
    throw error;
  }
}
