import { constants, linkSync, lstatSync, symlinkSync } from "node:fs";
import { hasCode, invalid } from "../errors.ts";
import { type ByteString, type TarEntry, textOfBytes } from "../formats/tar/tar-entry.ts";
import { makeNode } from "../sys/device-node.ts";
import { closeDescriptor, entryPath, makeDirectoryAt, openInRoot, splitPath } from "../sys/safe-path.ts";
import { firstMode, type Owner, setDirectoryAttributes, setEntryAttributes } from "./extract-attributes.ts";
import { type OpenFile, openFile } from "./extract-file.ts";
import type { Parents } from "./extract-parents.ts";
import type { DirectoryTimes } from "./extract-times.ts";
import type { Whiteouts } from "./extract-whiteouts.ts";
import { removeTree } from "./remove.ts";
import { opaqueMarker, whiteoutPrefix } from "./whiteouts.ts";

/** What one extraction's entries are written into. */
export interface Target {
  readonly rootFd: number;
  readonly parents: Parents;
  readonly directoryTimes: DirectoryTimes;
  /** Without it whiteouts are files like any other. */
  readonly whiteouts?: Whiteouts | undefined;
  /** Of an entry, be it the archive's or another. */
  readonly ownerOf: (entry: TarEntry) => Owner;
  /** Refuses to put a file where a directory is, or the other way round. */
  readonly keepsTypes: boolean;
  /** An entry for the root itself sets its attributes. */
  readonly setsRoot: boolean;
  /** Long runs of zeros are left out of files. */
  readonly makesHoles: boolean;
  /** Called before something makes way. */
  readonly onReplace: () => void;
}

const { O_NOFOLLOW, O_DIRECTORY } = constants;

/**
 * Makes what an entry says in its place.
 * @returns a file whose content is still to come; the caller closes it
 * @throws EngineError invalid for an entry that leads outside; SyscallError
 */
export function makeEntry(target: Target, entry: TarEntry): OpenFile | undefined {
  const path = splitPath(entry.name);
  if (!path) throw invalid(`invalid tar entry ${quote(entry.name)}: path escapes the root`);
  const name = path.pop();
  if (name === undefined) {
    if (target.setsRoot && entry.type === "directory") finishDirectory(target, target.rootFd, ".", [], entry);
    return undefined;
  }
  if (!target.whiteouts || !name.startsWith(whiteoutPrefix))
    return create(target, target.parents.get(path), path, name, entry);
  whiteOut(target.whiteouts, path, name);
  return undefined;
}

function whiteOut(whiteouts: Whiteouts, path: ByteString[], name: ByteString): void {
  if (name === opaqueMarker) {
    whiteouts.hideBelow(path);
    return;
  }
  // The other names with the doubled prefix are aufs's own bookkeeping.
  if (name.startsWith(whiteoutPrefix + whiteoutPrefix)) return;
  const hidden = name.slice(whiteoutPrefix.length);
  if (splitPath(hidden)?.length !== 1) throw invalid(`invalid archive: whiteout ${quote(name)}`);
  whiteouts.hide([...path, hidden]);
}

function create(
  target: Target,
  parentFd: number,
  path: ByteString[],
  name: ByteString,
  entry: TarEntry,
): OpenFile | undefined {
  let file: OpenFile | undefined;
  try {
    file = make(target, parentFd, name, entry);
  } catch (error) {
    if (!hasCode(error, "EEXIST")) throw error;
    makeRoom(target, parentFd, name, entry);
    target.directoryTimes.drop([...path, name]);
    if (entry.type !== "directory" || !isDirectory(parentFd, name))
      file = make(target, parentFd, name, entry);
  }
  if (entry.type === "directory") {
    finishDirectory(target, parentFd, name, [...path, name], entry);
  } else if (entry.type !== "file" && entry.type !== "link") {
    setEntryAttributes(parentFd, name, entry, target.ownerOf(entry));
  }
  return file;
}

/** Takes away what is in the way; a directory is none for a directory. */
function makeRoom(target: Target, parentFd: number, name: ByteString, entry: TarEntry): void {
  const [isThere, isWanted] = [isDirectory(parentFd, name), entry.type === "directory"];
  if (isThere && isWanted) return;
  if (target.keepsTypes && isThere) {
    throw invalid(`cannot overwrite directory ${quote(name)} with non-directory ${quote(entry.name)}`);
  }
  if (target.keepsTypes && isWanted) {
    throw invalid(`cannot overwrite non-directory ${quote(name)} with directory ${quote(entry.name)}`);
  }
  target.onReplace();
  target.parents.forget();
  removeTree(parentFd, name);
}

function make(target: Target, parentFd: number, name: ByteString, entry: TarEntry): OpenFile | undefined {
  const owner = target.ownerOf(entry);
  switch (entry.type) {
    case "file":
      return openFile(parentFd, name, entry, { owner, makesHoles: target.makesHoles });
    case "directory":
      makeDirectoryAt(parentFd, name, firstMode(entry, owner));
      break;
    case "symlink":
      symlinkSync(Buffer.from(entry.linkName ?? "", "latin1"), entryPath(parentFd, name));
      break;
    case "link":
      makeLink(target.parents, parentFd, name, entry);
      break;
    default:
      makeNode(parentFd, name, entry.type, {
        major: entry.deviceMajor ?? 0,
        minor: entry.deviceMinor ?? 0,
      });
  }
  return undefined;
}

function makeLink(parents: Parents, parentFd: number, name: ByteString, entry: TarEntry): void {
  const path = splitPath(entry.linkName ?? "");
  const linked = path?.pop();
  if (!path || linked === undefined) {
    throw invalid(`invalid archive: link ${quote(entry.name)} leads outside of it`);
  }
  // Not from the cache, which may close `parentFd` when it is full.
  const directoryFd = parents.openExisting(path);
  try {
    linkSync(entryPath(directoryFd, linked), entryPath(parentFd, name));
  } finally {
    closeDescriptor(directoryFd);
  }
}

function finishDirectory(
  { parents, directoryTimes, ownerOf }: Target,
  parentFd: number,
  name: ByteString,
  path: ByteString[],
  entry: TarEntry,
): void {
  const fd = openInRoot(parentFd, name, O_DIRECTORY | O_NOFOLLOW);
  try {
    setDirectoryAttributes(fd, entry, ownerOf(entry));
  } finally {
    parents.adopt(path, fd);
  }
  directoryTimes.put(path, entry.mtime);
}

function isDirectory(parentFd: number, name: ByteString): boolean {
  return lstatSync(entryPath(parentFd, name), { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** A name as messages show it. */
export function quote(name: ByteString): string {
  return JSON.stringify(textOfBytes(name));
}
