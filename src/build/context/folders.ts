import { randomBytes } from "node:crypto";
import { closeSync, constants, fstatSync, mkdirSync, openSync, readdirSync, readSync } from "node:fs";
import { join } from "node:path";
import { hasCode, invalid } from "../../errors.ts";
import { bytesOfText } from "../../formats/tar/tar-entry.ts";
import type { JobRunner } from "../../sys/jobs.ts";
import { openFileInRoot } from "../../sys/safe-path.ts";
import { removeTree } from "../../trees/trees.ts";
import type { FileStatement } from "../export/statement-file.ts";
import type { FilesJob, FilesResult } from "../solve/files.worker.ts";
import { mostSmallBytes } from "./check-entry.ts";

/** What was fetched or made for one build. */
export interface Folder {
  path: string;
  /** Removes it. */
  release(): void;
}

/** Directories for one build each. */
export interface Folders {
  /** An empty one. */
  make(): Folder;
  /** Copies what layers show, topmost first, with owners, modes and times. */
  flatten(layers: string[], signal: AbortSignal): Promise<Folder>;
  /** What is there for builds that are not over. */
  names(): ReadonlySet<string>;
  /** What is said of the files that they show: a file. */
  state(layers: string[], statement: FileStatement, signal: AbortSignal): Promise<Folder>;
  /** An archive of the same, without an end: a file. */
  pack(layers: string[], order: PackOrder, signal: AbortSignal): Promise<Folder>;
}

/** How files become an archive. */
export interface PackOrder {
  /** The folder that all of it is in; "" for none. */
  below: string;
  /** Of all that is in it, since the epoch; undefined: of each its own. */
  mtimeSeconds?: number;
}

/** Where one of them is made. */
interface Place {
  tree: string;
  /** A file. */
  archive: string;
  mountpoint: string;
  release(): void;
}

/** @param root is made; what an earlier daemon left there goes */
export function openFolders(root: string, files: JobRunner<FilesJob, FilesResult>): Folders {
  mkdirSync(root, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(root)) void removeTree(join(root, name)).catch(() => {});
  const live = new Set<string>();

  function newPlace(): Place {
    const name = randomBytes(12).toString("hex");
    const path = join(root, name);
    live.add(name);
    mkdirSync(path, { mode: 0o711 });
    const remove = () => removeTree(path).then(() => live.delete(name));
    const release = () => void remove().catch(() => {});
    const [tree, archive, mountpoint] = ["tree", "archive", "from"].map((one) => join(path, one)) as [
      ...[string, string, string],
    ];
    mkdirSync(tree, { mode: 0o755 });
    return { tree, archive, mountpoint, release };
  }

  /** What fails leaves nothing. */
  async function fill(result: "tree" | "archive", make: (place: Place) => Promise<unknown>): Promise<Folder> {
    const place = newPlace();
    try {
      await make(place);
      return { path: place[result], release: place.release };
    } catch (error) {
      place.release();
      throw error;
    }
  }

  return {
    names: () => live,
    make() {
      const { tree, release } = newPlace();
      return { path: tree, release };
    },
    flatten: (layers, signal) =>
      fill("tree", ({ mountpoint, tree }) =>
        files.run({ kind: "fill", mountpoint, layers, source: "", target: tree }, signal),
      ),
    pack: (layers, { below, mtimeSeconds }, signal) =>
      fill("archive", ({ mountpoint, archive }) => {
        const time = mtimeSeconds !== undefined && { mtimeSeconds };
        return files.run({ kind: "pack", mountpoint, layers, archive, below, ...time }, signal);
      }),
    state: (layers, statement, signal) =>
      fill("archive", ({ mountpoint, archive }) =>
        files.run({ kind: "state", mountpoint, layers, target: archive, ...statement }, signal),
      ),
  };
}

/** Small files of a folder, by path; those that are not there are left out. No link leads outside. @throws EngineError invalid */
export function readFolderFiles(folder: string, paths: readonly string[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const path of paths) {
    const file = readFolderFile(folder, path);
    if (file) found.set(path, file.bytes.toString());
  }
  return found;
}

/** A part of a file's content; without a length all from the offset on. */
export interface FileRange {
  offset: number;
  length?: number;
}

/**
 * A file of a folder, or a small part of it, and the size of all of it; undefined for one that is not there. No link leads outside.
 * @throws EngineError invalid for a part that is large
 */
export function readFolderFile(
  folder: string,
  path: string,
  range: FileRange = { offset: 0 },
): { bytes: Buffer; size: number } | undefined {
  const rootFd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    return readPart(rootFd, path, range);
  } finally {
    closeSync(rootFd);
  }
}

function readPart(rootFd: number, path: string, { offset, length }: FileRange) {
  let fd: number | undefined;
  try {
    fd = openFileInRoot(rootFd, bytesOfText(path), "follow");
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "ELOOP"].some((code) => hasCode(error, code))) return undefined;
    throw error;
  }
  if (fd === undefined) return undefined;
  try {
    const stats = fstatSync(fd);
    const start = Math.min(Math.max(0, offset), stats.size);
    const wanted = Math.min(Math.max(0, length ?? stats.size), stats.size - start);
    if (wanted > mostSmallBytes) throw invalid(`${path} is too large`);
    const bytes = Buffer.alloc(wanted);
    const read = readSync(fd, bytes, 0, wanted, start);
    return { bytes: bytes.subarray(0, read), size: stats.size };
  } finally {
    closeSync(fd);
  }
}
