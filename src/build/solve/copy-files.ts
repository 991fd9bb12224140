import { compileIgnorePatterns } from "../../formats/ignore-patterns.ts";
import { type ByteString, bytesOfText, type TarEntry, textOfBytes } from "../../formats/tar/tar-entry.ts";
import { createExtraction, type Extraction } from "../../trees/extract.ts";
import type { ContextEntry } from "../context/entry.ts";
import { resolvePath, type SourceTree, walkSource } from "../context/source-tree.ts";
import { changeMode } from "./change-mode.ts";
import type { CopyAction } from "./copy-action.ts";
import { type Selected, selectSources } from "./select-sources.ts";
import { joinPath, openTargetRoot, splitLast, stripSlashes, type TargetRoot } from "./target-root.ts";
import { isArchive, unpackArchive } from "./unpack-archive.ts";

/** One action under way. */
interface Copying {
  root: TargetRoot;
  tree: SourceTree;
  action: CopyAction;
  /** Where its destination is, all links followed. */
  destination: ByteString;
  /** The destination is meant as a directory, or is one. */
  isDirectory: boolean;
  excludes(relative: ByteString): boolean;
  mayHoldException(relative: ByteString): boolean;
}

export const rootOwner = { uid: 0, gid: 0 };

/** Copies what an action selects into a root file system. @throws EngineError in BuildKit's words */
export async function copyFiles(rootFd: number, tree: SourceTree, action: CopyAction): Promise<void> {
  const root = openTargetRoot(rootFd);
  const given = bytesOfText(action.destination);
  const destination = root.resolve(stripSlashes(given));
  const patterns = compileIgnorePatterns(action.exclude);
  const copying: Copying = {
    ...{ root, tree, action, destination },
    isDirectory: given.endsWith("/") || root.isDirectory(destination),
    excludes: (relative) => action.exclude.length > 0 && patterns.isIgnored(textOfBytes(relative)),
    mayHoldException: (relative) => patterns.mayHoldException(textOfBytes(relative)),
  };
  for (const selection of action.selections) {
    for (const selected of selectSources(tree, selection)) await copyOne(copying, selected);
  }
}

async function copyOne(copying: Copying, source: Selected): Promise<void> {
  const { root, tree, action, destination } = copying;
  const entry = tree.find(source.path) as ContextEntry;
  const owner = action.owner ?? rootOwner;
  if (entry.type === "file" && action.unpack === "archives" && (await isArchive(tree, source.path))) {
    root.ensureDirectory(destination, owner, newDirectoryMode(action));
    return unpackArchive(root.fd, tree, source.path, { base: destination, ...(action.owner && { owner }) });
  }
  const [parents, name] = action.parents
    ? copyParents(copying, source.named)
    : ["", splitLast(source.named)[1]];
  const base = joinPath(destination, parents);
  if (entry.type === "directory")
    return copyDirectory(copying, source.path, action.parents ? joinPath(base, name) : base);
  if (copying.excludes(name)) return;
  const isInto = copying.isDirectory || action.parents;
  const [directory, called] = isInto ? [base, name] : splitLast(destination);
  // A link of that name is written through, as BuildKit does.
  const [realDirectory, realName] = splitLast(root.resolve(joinPath(directory, called)));
  withWriter(copying, realDirectory, (writer) => writeEntry(copying, writer, realName, entry));
}

/** What is in it. The directory that it is copied to, where it is new, is not made like it. */
function copyDirectory(copying: Copying, path: ByteString, into: ByteString): void {
  const { tree, excludes, mayHoldException } = copying;
  const relative = (below: ByteString) => (path === "" ? below : below.slice(path.length + 1));
  const enters = (below: ByteString) => !excludes(relative(below)) || mayHoldException(relative(below));
  const names = new Map<string, ByteString>();
  withWriter(copying, into, (writer) => {
    for (const one of walkSource(tree, path, enters)) {
      if (!excludes(relative(one.path))) writeEntry(copying, writer, relative(one.path), one, names);
    }
  });
}

/**
 * With `--parents`: makes the directories on the way to a source, with what they are in their tree. Those before `/./` don't count.
 * @returns their path below the destination, and the name of the source
 */
function copyParents(copying: Copying, named: ByteString): [parents: ByteString, name: ByteString] {
  const { tree, destination } = copying;
  const pivot = `/${named}`.indexOf("/./");
  const start = pivot < 0 ? "" : named.slice(0, Math.max(pivot - 1, 0));
  const [parents, name] = splitLast(pivot < 0 ? named : `/${named}`.slice(pivot + 3));
  const names = parents.split("/").filter((one) => one !== "");
  for (let depth = 1; depth <= names.length; depth++) {
    const below = names.slice(0, depth).join("/");
    const path = resolvePath(tree, joinPath(start, below));
    const entry = path === undefined ? undefined : tree.find(path);
    if (entry?.type !== "directory") continue;
    const [directory, own] = splitLast(joinPath(destination, below));
    withWriter(copying, directory, (writer) => writeEntry(copying, writer, own, entry));
  }
  return [names.join("/"), name];
}

/** Writes below a directory, which is made with its parents where it is missing. */
function withWriter({ root, action }: Copying, base: ByteString, write: (writer: Extraction) => void): void {
  root.ensureDirectory(base, action.owner ?? rootOwner, newDirectoryMode(action));
  const writer = createExtraction({
    ...{ rootFd: root.fd, base, whiteouts: false, keepTypes: true, setsRoot: false },
  });
  try {
    write(writer);
    writer.finish();
  } finally {
    writer.close();
  }
}

/** Clauses have nothing to change in a directory that was not there. */
function newDirectoryMode({ mode }: CopyAction): number {
  return mode !== undefined && /^[0-7]+$/.test(mode) ? changeMode(0, mode, true) : 0o755;
}

/** @param names of files that have several, by what tells that they are one */
function writeEntry(
  { tree, action }: Copying,
  writer: Extraction,
  name: ByteString,
  entry: ContextEntry,
  names?: Map<string, ByteString>,
): void {
  const first = entry.identity === undefined ? undefined : names?.get(entry.identity);
  if (first !== undefined) {
    const link = { ...describe(entry, name, action), type: "link" as const, linkName: first, sizeBytes: 0 };
    writer.take({ kind: "entry", entry: link });
    writer.take({ kind: "end" });
    return;
  }
  if (entry.identity !== undefined) names?.set(entry.identity, name);
  writer.take({ kind: "entry", entry: describe(entry, name, action) });
  if (entry.type === "file") for (const data of tree.read(entry.path)) writer.take({ kind: "data", data });
  writer.take({ kind: "end" });
}

function describe(entry: ContextEntry, name: ByteString, { owner, mode }: CopyAction): TarEntry {
  const { path: _, type, xattrs, identity: __, ...rest } = entry;
  const isKept = mode === undefined || type === "symlink";
  return {
    ...rest,
    name,
    type: type === "link" ? "file" : type,
    mode: isKept ? entry.mode : changeMode(entry.mode, mode, type === "directory"),
    ...owner,
    ...(xattrs && { xattrs: new Map(xattrs) }),
  };
}
