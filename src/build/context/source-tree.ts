import type { ByteString } from "../../formats/tar/tar-entry.ts";
import type { ContextEntry } from "./entry.ts";

/** A directory tree that is copied from. Synchronous, for a worker thread. Paths are without a slash in front; "" is the root. */
export interface SourceTree {
  /** What is there, without following a link in its last name; parents that are links lead nowhere. */
  find(path: ByteString): ContextEntry | undefined;
  /** Names in a directory, sorted by their bytes. */
  list(path: ByteString): readonly ByteString[];
  /** The content of a file. A piece is valid until the next one. */
  read(path: ByteString): Iterable<Buffer>;
  /** Hexadecimal sha256 of a file's content, where it is known without reading it. */
  contentDigest(path: ByteString): string | undefined;
  close(): void;
}

/** The same tree, which asks before each entry and each piece whether it is still wanted. @param check throws when it is not */
export function watchTree(tree: SourceTree, check: () => void): SourceTree {
  return {
    ...tree,
    find(path) {
      check();
      return tree.find(path);
    },
    *read(path) {
      for (const piece of tree.read(path)) {
        check();
        yield piece;
      }
    },
  };
}

const linkLimit = 255;

/**
 * Where a path leads when all links in it are followed, as a process with its root at the tree's would. Where nothing is, the rest of
 * the path stays as it is. Undefined for a circle of links.
 */
export function resolvePath(tree: SourceTree, path: ByteString): ByteString | undefined {
  const resolved: ByteString[] = [];
  const rest = path.split("/").reverse();
  for (let links = 0; rest.length > 0; ) {
    const name = rest.pop() as ByteString;
    if (name === "" || name === ".") continue;
    if (name === "..") {
      resolved.pop();
      continue;
    }
    resolved.push(name);
    const entry = tree.find(resolved.join("/"));
    if (entry?.type !== "symlink") continue;
    if (++links > linkLimit) return undefined;
    const target = entry.linkName ?? "";
    resolved.pop();
    if (target.startsWith("/")) resolved.length = 0;
    rest.push(...target.split("/").reverse());
  }
  return resolved.join("/");
}

/** All below a directory, each after its parent, siblings by name; not the directory itself. */
export function* walkSource(
  tree: SourceTree,
  path: ByteString,
  enters: (path: ByteString) => boolean = () => true,
): Generator<ContextEntry> {
  const levels = [{ path, names: [...tree.list(path)].reverse() }];
  for (let level = levels.at(-1); level; level = levels.at(-1)) {
    const name = level.names.pop();
    if (name === undefined) {
      levels.pop();
      continue;
    }
    const below = level.path === "" ? name : `${level.path}/${name}`;
    const entry = tree.find(below);
    if (!entry) continue;
    yield entry;
    if (entry.type === "directory" && enters(below))
      levels.push({ path: below, names: [...tree.list(below)].reverse() });
  }
}
