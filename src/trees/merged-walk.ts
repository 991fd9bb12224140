import { closeSync, constants, lstatSync, openSync, readlinkSync, statSync } from "node:fs";
import { invalid } from "../errors.ts";
import { type ByteString, textOfBytes } from "../formats/tar/tar-entry.ts";
import { entryPath, openDirectoryAt } from "../sys/safe-path.ts";
import { isOpaque, isWhiteout } from "./whiteouts.ts";

/** What is walked through: the layers' directories, and what is mounted over them. */
export interface Merged {
  readonly root: Level;
  /** A path of the host, or nothing, by where it is seen: without a slash in front. */
  readonly mounts: Map<ByteString, string | undefined>;
  /** Called before anything of such a path of the host is looked at. */
  onSource?: ((source: string) => void) | undefined;
}

/** A directory on the way, as all that shows through of it. */
export interface Level {
  name: ByteString;
  /** Topmost first. */
  fds: number[];
  /** Of a layer, in which deletions have marks. */
  isLayered: boolean;
}

/** What a name leads to. */
export type Reached =
  | { kind: "directory"; level: Level }
  | { kind: "other"; directoryFd: number; isLink: boolean }
  | undefined;

const linkLimit = 40;
/** Of names that links lead through: an image could make a look at one path take seconds, in which nothing else is done. */
const mostLinkedNames = 256;
const directoryFlags = constants.O_RDONLY | constants.O_DIRECTORY;

/** @param layers topmost first. The caller closes it with `closeLevel`. */
export function openRoot(layers: readonly string[]): Level {
  const level: Level = { name: "", fds: [], isLayered: true };
  return closingOnFailure(level, () => {
    for (const path of layers) level.fds.push(openSync(path, directoryFlags));
    return level;
  });
}

/** What was opened of a level is closed when the rest of it cannot be. */
function closingOnFailure<R>(level: Level, open: () => R): R {
  try {
    return open();
  } catch (error) {
    closeLevel(level);
    throw error;
  }
}

export function closeLevel({ fds }: Level): void {
  for (const fd of fds) closeSync(fd);
}

/** Where a walk has come to. */
interface Position {
  /** The directories on the way, the root first. */
  levels: Level[];
  /** The names of the path's end that are not there. */
  missing: ByteString[];
  /** What the last name led to. */
  last: Reached;
}

/**
 * Follows a path, and all links in it, and calls `use` with where it ends. Closes the directories on the way.
 * @throws EngineError invalid for too many links, or links that lead through too many names
 */
export function walkMerged<R>(
  merged: Merged,
  path: ByteString,
  use: (levels: readonly Level[], missing: readonly ByteString[], last: Reached) => R,
): R {
  const position: Position = { levels: [merged.root], missing: [], last: undefined };
  const rest = path.split("/").reverse();
  let [links, linkedNames] = [0, 0];
  try {
    for (let name = rest.pop(); name !== undefined; name = rest.pop()) {
      const target = step(merged, position, name);
      if (target === undefined) continue;
      const names = target.split("/").reverse();
      linkedNames += names.length;
      if (++links > linkLimit || linkedNames > mostLinkedNames)
        throw invalid(`${textOfBytes(path)}: too many levels of symbolic links`);
      if (target.startsWith("/")) leave(position, 1);
      rest.push(...names);
    }
    return use(position.levels, position.missing, position.last);
  } finally {
    leave(position, 1);
  }
}

/** @returns where a link leads, which is to be followed next */
function step(merged: Merged, position: Position, name: ByteString): ByteString | undefined {
  const { levels, missing } = position;
  if (name === "" || name === ".") return undefined;
  if (name === "..") {
    if (missing.pop() === undefined) leave(position, Math.max(1, levels.length - 1));
    position.last = undefined;
    return undefined;
  }
  const found = missing.length > 0 ? undefined : lookUp(merged, levels, name);
  position.last = found;
  if (found?.kind === "directory") levels.push(found.level);
  else if (found?.isLink) return readlinkSync(entryPath(found.directoryFd, name), { encoding: "latin1" });
  else missing.push(name);
  return undefined;
}

function leave({ levels }: Position, depth: number): void {
  for (const level of levels.splice(depth)) closeLevel(level);
}

function lookUp({ mounts, onSource }: Merged, levels: readonly Level[], name: ByteString): Reached {
  const path = [...levels.slice(1).map((level) => level.name), name].join("/");
  if (mounts.has(path)) {
    const source = mounts.get(path);
    if (source !== undefined) onSource?.(source);
    return openMounted(name, source);
  }
  const { fds, isLayered } = levels.at(-1) as Level;
  const level: Level = { name, fds: [], isLayered };
  return closingOnFailure(level, () => openBelow(fds, level));
}

/** Opens a name in the directories of the level above, as far down as it shows through. */
function openBelow(above: readonly number[], level: Level): Reached {
  const { name, fds, isLayered } = level;
  for (const fd of above) {
    const at = entryPath(fd, name);
    const stats = lstatSync(at, { throwIfNoEntry: false });
    if (!stats) continue;
    if (isLayered && isWhiteout(stats)) break;
    if (!stats.isDirectory()) {
      if (fds.length === 0) return { kind: "other", directoryFd: fd, isLink: stats.isSymbolicLink() };
      break;
    }
    fds.push(openDirectoryAt(fd, name));
    if (isLayered && isOpaque(at)) break;
  }
  return fds.length === 0 ? undefined : { kind: "directory", level };
}

function openMounted(name: ByteString, source: string | undefined): Reached {
  const isDirectory = source !== undefined && statSync(source, { throwIfNoEntry: false })?.isDirectory();
  const fds = isDirectory ? [openSync(source, directoryFlags)] : [];
  return { kind: "directory", level: { name, fds, isLayered: false } };
}
