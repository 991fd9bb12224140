import { invalid } from "../../errors.ts";
import { type ByteString, type TarEntry, textOfBytes } from "../../formats/tar/tar-entry.ts";
import { splitPath } from "../../sys/safe-path.ts";
import { isOverlayXattr } from "../../trees/whiteouts.ts";
import {
  type AboutNode,
  type ArchivedDirectory,
  type ArchivedFile,
  leadToDirectory,
  PathError,
} from "./archived-node.ts";
import { countEntries, type EntryCount, encodedBytes } from "./check-entry.ts";
import type { ContextEntry } from "./entry.ts";
import type { StoredContent } from "./stored-tree.ts";

/**
 * What an archive comes to, entry by entry, as unpacking it into an empty directory would: links on the way are followed inside of it,
 * what comes later replaces what came before, and directories that are missing are made. No name of it is ever one in a file system.
 */
export interface ArchivedTree {
  readonly root: ArchivedDirectory;
  /** @returns the file whose content comes next; undefined for what has none @throws EngineError invalid */
  take(entry: TarEntry): ArchivedFile | undefined;
}

/** @param madeAt when directories that the archive does not name were made, in seconds since the epoch */
export function createArchivedTree(madeAt = Math.floor(Date.now() / 1000)): ArchivedTree {
  const root = makeRoot(madeAt);
  const counted = countEntries();
  /** Where the last entry went: its neighbours mostly go there too. */
  let last: { path: ByteString; directory: ArchivedDirectory } | undefined;

  function parentOf(names: readonly ByteString[]): ArchivedDirectory {
    const path = names.join("/");
    if (last?.path === path) return last.directory;
    const directory = leadToDirectory(root, names, (parent, name) =>
      putDirectory(counted, parent, name, implied(madeAt)),
    );
    last = { path, directory };
    return directory;
  }

  function takeInto(parent: ArchivedDirectory, name: ByteString, entry: TarEntry): ArchivedFile | undefined {
    const before = parent.children.get(name);
    const about = describe(entry);
    if (about.type === "directory" && before?.children) {
      before.about = withXattrs(about, before.about);
      count(counted, parent, name, before.about);
      return undefined;
    }
    if (before) {
      last = undefined;
      if (!before.children) before.nameCount--;
      parent.children.delete(name);
    }
    if (about.type === "directory") {
      putDirectory(counted, parent, name, about);
      return undefined;
    }
    const file = entry.type === "link" ? findLinked(root, entry) : { about, nameCount: 0 };
    count(counted, parent, name, file.about);
    file.nameCount++;
    parent.children.set(name, file);
    return entry.type === "file" ? file : undefined;
  }

  return {
    root,
    take(entry) {
      const names = splitPath(entry.name);
      if (!names) throw invalid(`invalid tar entry ${quote(entry.name)}: path escapes the root`);
      const name = names.pop();
      if (name === undefined) return undefined;
      try {
        return takeInto(parentOf(names), name, entry);
      } catch (error) {
        if (!(error instanceof PathError)) throw error;
        throw invalid(`failed to extract ${quote(entry.name)}: ${error.message}`, error);
      }
    },
  };
}

const quote = (name: ByteString) => JSON.stringify(textOfBytes(name.slice(0, 200)));

function makeRoot(madeAt: number): ArchivedDirectory {
  const root = { about: implied(madeAt), children: new Map(), pathBytes: 0, listedBytes: 0, depth: 0 };
  return Object.assign(root, { parent: root as unknown as ArchivedDirectory });
}

const implied = (madeAt: number): AboutNode => ({
  ...{ type: "directory", mode: 0o755, uid: 0, gid: 0, sizeBytes: 0 },
  mtime: { seconds: madeAt, nanoseconds: 0 },
});

function putDirectory(
  counted: EntryCount,
  parent: ArchivedDirectory,
  name: ByteString,
  about: AboutNode,
): ArchivedDirectory {
  const size = count(counted, parent, name, about);
  const made = { about, children: new Map(), parent, ...size, depth: parent.depth + 1 };
  parent.children.set(name, made);
  return made;
}

/** As the kernel has it. */
const [mostNameBytes, mostLinkBytes] = [255, 4095];

/** @returns what the path takes @throws EngineError invalid, PathError */
function count(
  counted: EntryCount,
  parent: ArchivedDirectory,
  name: ByteString,
  about: AboutNode,
): Pick<ArchivedDirectory, "pathBytes" | "listedBytes"> {
  const slashBytes = parent.depth > 0 ? 1 : 0;
  const pathBytes = parent.pathBytes + slashBytes + name.length;
  if (name.length > mostNameBytes || !counted.fits(pathBytes, parent.depth + 1))
    throw new PathError("file name too long");
  const listedBytes = parent.listedBytes + slashBytes + encodedBytes(name);
  counted.add({ ...about, path: name }, listedBytes);
  return { pathBytes, listedBytes };
}

/** What a layer would show of it: a link has all permissions, and what a machine or an overlay says of files is no part of them. */
function describe(entry: TarEntry): AboutNode {
  const { type, mode, uid, gid, sizeBytes, mtime, linkName = "", deviceMajor, deviceMinor } = entry;
  const kept = [...(entry.xattrs ?? [])].filter(([name]) => isOfFile(name));
  const isDevice = type === "characterDevice" || type === "blockDevice";
  if (type === "symlink" && (linkName === "" || linkName.length > mostLinkBytes))
    throw new PathError(linkName === "" ? "no such file or directory" : "file name too long");
  return {
    ...{ type, uid, gid, mtime },
    mode: type === "symlink" ? 0o777 : mode,
    sizeBytes: type === "file" ? sizeBytes : 0,
    ...(type === "symlink" && { linkName }),
    ...(isDevice && { deviceMajor: deviceMajor ?? 0, deviceMinor: deviceMinor ?? 0 }),
    ...(kept.length > 0 && { xattrs: new Map(kept) }),
  };
}

/** An attribute stays until another one takes its name. */
function withXattrs(about: AboutNode, { xattrs }: AboutNode): AboutNode {
  return xattrs ? { ...about, xattrs: new Map([...xattrs, ...(about.xattrs ?? [])]) } : about;
}

const isOfFile = (name: ByteString) =>
  !isOverlayXattr(name) && (!name.startsWith("security.") || name === "security.capability");

/** @throws PathError */
function findLinked(root: ArchivedDirectory, { linkName = "" }: TarEntry): ArchivedFile {
  const names = splitPath(linkName);
  const name = names?.pop();
  if (!names || name === undefined) throw new PathError("it links to something outside of the archive");
  const linked = leadToDirectory(root, names).children.get(name);
  if (!linked) throw new PathError("it links to a file that is not there");
  if (linked.children) throw new PathError("it links to a directory");
  return linked;
}

/** All below a directory, each after its parent, siblings by name. Names of one file have its identity. */
export function* listArchived(top: ArchivedDirectory): Generator<ContextEntry & { content?: StoredContent }> {
  const identities = new Map<ArchivedFile, string>();
  const identify = (file: ArchivedFile) => {
    const identity = identities.get(file) ?? String(identities.size);
    identities.set(file, identity);
    return { identity };
  };
  const levels = [{ path: "", directory: top, names: [...top.children.keys()].sort().reverse() }];
  for (let level = levels.at(-1); level; level = levels.at(-1)) {
    const name = level.names.pop();
    const node = name === undefined ? undefined : level.directory.children.get(name);
    if (name === undefined || !node) {
      levels.pop();
      continue;
    }
    const path = level.path === "" ? name : `${level.path}/${name}`;
    if (node.children) {
      yield { path, ...node.about };
      levels.push({ path, directory: node, names: [...node.children.keys()].sort().reverse() });
    } else
      yield {
        ...{ path, ...node.about },
        ...(node.content && { content: node.content }),
        ...(node.nameCount > 1 && node.about.type === "file" && identify(node)),
      };
  }
}
