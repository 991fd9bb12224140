import { randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  createWriteStream,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
} from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { hasCode, invalid } from "../../errors.ts";
import { detectCompression, magicBytes } from "../../formats/compression.ts";
import { bytesOfText } from "../../formats/tar/tar-entry.ts";
import type { JobRunner } from "../../sys/jobs.ts";
import { closeDescriptor, openInRoot, pathFlag, unlinkAt } from "../../sys/safe-path.ts";
import { removeTree } from "../../trees/trees.ts";
import type { FileStatement } from "../export/statement-file.ts";
import type { FilesJob, FilesResult } from "../solve/files.worker.ts";

/** A context that came as an archive, or was made here: a directory for one build. */
export interface Folder {
  path: string;
  /** Removes it. */
  release(): void;
}

/** Contexts that are no directories of a client. */
export interface Folders {
  /**
   * Unpacks an archive, compressed or not. What is no archive is a Dockerfile, which then is all there is.
   * @throws what `input` throws; EngineError invalid
   */
  unpack(input: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<Folder>;
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

const blockOfTar = 512;

/** Where one of them is made. */
interface Place {
  tree: string;
  /** A file that is packed or unpacked. */
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
    unpack: (input, signal) =>
      fill("tree", async ({ archive, tree }) => {
        const output = createWriteStream(archive, { flags: "wx", mode: 0o600 });
        await pipeline(Readable.from(input), output, { signal });
        if (isArchiveFile(archive)) await files.run({ kind: "unpack", archive, target: tree }, signal);
        else await files.run({ kind: "place", file: archive, target: tree, name: "Dockerfile" });
        await rm(archive, { force: true });
      }),
  };
}

/** By its beginning: compressed, or with the mark of a tar header. */
function isArchiveFile(path: string): boolean {
  const fd = openSync(path, "r");
  try {
    const block = Buffer.alloc(blockOfTar);
    const head = block.subarray(0, readSync(fd, block, 0, blockOfTar, 0));
    if (head.length >= magicBytes && detectCompression(head) !== "none") return true;
    return (
      head.length === blockOfTar && (head.subarray(257, 262).toString("latin1") === "ustar" || head[0] === 0)
    );
  } finally {
    closeSync(fd);
  }
}

/** Removes a file of a folder. Silent where it is not, or is none; no link leads outside. */
export function removeFolderFile(folder: string, path: string): void {
  const rootFd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  const bytes = bytesOfText(path);
  const slash = bytes.lastIndexOf("/");
  try {
    const parent = slash < 0 ? "." : bytes.slice(0, slash);
    const fd = openInRoot(rootFd, parent, pathFlag | constants.O_DIRECTORY);
    try {
      unlinkAt(fd, bytes.slice(slash + 1));
    } finally {
      closeDescriptor(fd);
    }
  } catch (error) {
    if (!["ENOENT", "ENOTDIR", "ELOOP", "EISDIR"].some((code) => hasCode(error, code))) throw error;
  } finally {
    closeSync(rootFd);
  }
}

/** Of files that are read as a whole. */
const mostBytes = 4 * 1024 * 1024;

/** Small files of a folder, by path; those that are not there are left out. No link leads outside. @throws EngineError invalid */
export function readFolderFiles(folder: string, paths: readonly string[]): Map<string, string> {
  const found = new Map<string, string>();
  const rootFd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    for (const path of paths) {
      const text = readSmallFile(rootFd, path);
      if (text !== undefined) found.set(path, text);
    }
  } finally {
    closeSync(rootFd);
  }
  return found;
}

function readSmallFile(rootFd: number, path: string): string | undefined {
  let fd: number;
  try {
    fd = openInRoot(rootFd, bytesOfText(path), constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "ELOOP"].some((code) => hasCode(error, code))) return undefined;
    throw error;
  }
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile()) return undefined;
    if (stats.size > mostBytes) throw invalid(`${path} is too large`);
    return readFileSync(fd, "utf8");
  } finally {
    closeDescriptor(fd);
  }
}
