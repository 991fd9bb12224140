import { compileIgnorePatterns } from "../../formats/ignore-patterns.ts";
import { type ByteString, bytesOfText, type TarEntry, textOfBytes } from "../../formats/tar/tar-entry.ts";
import { createExtraction, type Extraction } from "../../trees/extract.ts";
import type { ContextEntry } from "../context/entry.ts";
import { type SourceTree, walkSource } from "../context/source-tree.ts";
import { changeMode } from "./change-mode.ts";
import type { CopyAction } from "./copy-action.ts";
import { findParents, type Selected, selectSources, splitPivot } from "./select-sources.ts";
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
  check(): void;
}

export const rootOwner = { uid: 0, gid: 0 };

/**
 * Copies what an action selects into a root file system.
 * @param check throws when that is no longer wanted; asked where archives are read @throws EngineError in BuildKit's words
 */
export async function copyFiles(
  rootFd: number,
  tree: SourceTree,
  action: CopyAction,
  check: () => void = () => {},
): Promise<void> {
  const root = openTargetRoot(rootFd);
  const given = bytesOfText(action.destination);
  const destination = root.resolve(stripSlashes(given));
  const patterns = compileIgnorePatterns(action.exclude);
  const copying: Copying = {
    ...{ root, tree, action, destination, check },
    isDirectory: given.endsWith("/") || root.isDirectory(destination),
    excludes: (relative) => action.exclude.length > 0 && patterns.isIgnored(textOfBytes(relative)),
    mayHoldException: (relative) => patterns.mayHoldException(textOfBytes(relative)),
  };
  for (const selection of action.selections) {
    for (const selected of selectSources(tree, selection)) await copyOne(copying, selected);
  }
}

async function copyOne(copying: Copying, source: Selected): Promise<void> {
  const { root, tree, action, destination, check } = copying;
  const entry = tree.find(source.path) as ContextEntry;
  const owner = action.owner ?? rootOwner;
  const mayBeArchive = entry.type === "file" && action.unpack === "archives";
  if (mayBeArchive && (await isArchive(tree, source.path, check))) {
    root.ensureDirectory(destination, owner, newDirectoryMode(action));
    const place = { base: destination, ...(action.owner && { owner }) };
    return unpackArchive(root.fd, tree, source.path, place, check);
  }
  if (action.parents) return copyWithParents(copying, source, entry);
  if (entry.type === "directory") return copyDirectory(copying, source.path, destination);
  const name = splitLast(source.named)[1];
  if (copying.excludes(name)) return;
  const target = copying.isDirectory ? joinPath(destination, name) : destination;
  writeThrough(copying, target, entry);
}

/** A link that is there already is written through, as BuildKit does. */
function writeThrough(copying: Copying, target: ByteString, entry: ContextEntry): void {
  writeAt(copying, copying.root.resolve(target), entry);
}

function writeAt(copying: Copying, target: ByteString, entry: ContextEntry): void {
  const [directory, name] = splitLast(target);
  withWriter(copying, directory, (writer) => writeEntry(copying, writer, name, entry));
}

/** Below the destination as it is behind the pivot, and the directories on the way with what they are in their tree. */
function copyWithParents(copying: Copying, { named, path }: Selected, entry: ContextEntry): void {
  const { tree, destination, excludes, mayHoldException } = copying;
  const { below } = splitPivot(named);
  const isDirectory = entry.type === "directory";
  if (below !== "" && excludes(below) && !(isDirectory && mayHoldException(below))) return;
  for (const parent of findParents(tree, named))
    writeAt(copying, joinPath(destination, parent.below), parent.entry);
  const target = joinPath(destination, below);
  if (below !== "") writeAt(copying, target, entry);
  if (isDirectory) copyDirectory(copying, path, target, below);
}

/**
 * What is in it. The directory that it is copied to, where it is new, is not made like it.
 * @param base in front of what exclusions are compared with
 */
function copyDirectory(copying: Copying, path: ByteString, into: ByteString, base: ByteString = ""): void {
  const { tree, excludes, mayHoldException } = copying;
  const relative = (below: ByteString) => (path === "" ? below : below.slice(path.length + 1));
  const placed = (below: ByteString) => (base === "" ? relative(below) : `${base}/${relative(below)}`);
  const enters = (below: ByteString) => !excludes(placed(below)) || mayHoldException(placed(below));
  const names = new Map<string, ByteString>();
  withWriter(copying, into, (writer) => {
    for (const one of walkSource(tree, path, enters)) {
      if (!excludes(placed(one.path))) writeEntry(copying, writer, relative(one.path), one, names);
    }
  });
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
