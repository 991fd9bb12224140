import { randomBytes } from "node:crypto";
import { type FileHandle, open, readdir, rename, rm, rmdir, stat, truncate, unlink } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { Readable } from "node:stream";
import { hasCode } from "../errors.ts";
import { chunkKey, parseChunkName } from "./chunks.ts";
import { createDurableFolders } from "./durable-folders.ts";
import { RegistryError } from "./errors.ts";
import { createGather } from "./gather.ts";
import type { Chunk, Storage } from "./storage.ts";

/** Of the uploads under way, each of which has two batches of a megabyte where there is room. */
const gatheredBytes = 64 << 20;
const batchBytesAt = () => 1 << 20;
const readBytes = 1 << 20;
const oldMilliseconds = 24 * 3600 * 1000;

/** Objects are files; each is written aside and put in its place by a rename, so that one killed at any moment leaves none half-written. */
export async function openFolderStorage(folder: string): Promise<Storage> {
  const files = await openFiles(folder);
  return { description: folder, ...objectsIn(files), ...chunksIn(files) };
}

/** The folder as a place for files that come and go as a whole. */
interface Files {
  root: string;
  path(key: string): string;
  /** A path for what is written aside. */
  newTemporary(): string;
  /** Does something in a folder, which is made when it is missing. */
  inFolder<T>(folder: string, action: () => Promise<T>): Promise<T>;
  putInPlace(from: string, to: string): Promise<void>;
  /** The names in a folder survive a power cut from now on. */
  sync(folder: string): Promise<void>;
}

async function openFiles(folder: string): Promise<Files> {
  const root = resolve(folder);
  const temporary = join(root, "tmp");
  const folders = createDurableFolders(root);
  await folders.make(temporary);
  await removeOld(temporary);

  /** Folders that become empty are removed by others meanwhile, so it may take more than one attempt. */
  async function inFolder<T>(folder: string, action: () => Promise<T>): Promise<T> {
    for (let tries = 0; ; tries++) {
      try {
        await folders.make(folder);
        return await action();
      } catch (error) {
        if (!hasCode(error, "ENOENT") || tries === 10) throw error;
      }
    }
  }

  return {
    root,
    path: (key) => join(root, key),
    newTemporary: () => join(temporary, randomBytes(12).toString("hex")),
    inFolder,
    putInPlace: (from, to) => inFolder(dirname(to), () => rename(from, to)),
    sync: (folder) => folders.sync(folder),
  };
}

type Chunked = "append" | "chunks" | "assemble";

function objectsIn(at: Files): Omit<Storage, "description" | Chunked> {
  return {
    async find(key) {
      const found = await ignoring(["ENOENT", "ENOTDIR"], stat(at.path(key)));
      return found?.isFile() ? { sizeBytes: found.size, modified: found.mtime } : undefined;
    },
    async read(key, range) {
      if (range && range.end <= range.start) return Readable.from([]);
      const file = await open(at.path(key)).catch((error: unknown) => {
        throw hasCode(error, "ENOENT")
          ? new RegistryError("BLOB_UNKNOWN", "blob unknown to registry", { cause: error })
          : error;
      });
      const bounds = range ? { start: range.start, end: range.end - 1 } : {};
      return file.createReadStream({ ...bounds, highWaterMark: readBytes });
    },
    async write(key, content, isMark = false) {
      const aside = at.newTemporary();
      try {
        await using file = await open(aside, "wx", 0o600);
        await file.writeFile(content);
        if (!isMark) await file.datasync();
        await at.putInPlace(aside, at.path(key));
        if (!isMark) await at.sync(dirname(at.path(key)));
      } catch (error) {
        await rm(aside, { force: true });
        throw error;
      }
    },
    async list(folder) {
      const names = await ignoring(["ENOENT", "ENOTDIR"], readdir(at.path(folder)));
      return (names ?? []).sort(compareBytes);
    },
    async remove(key) {
      await rm(at.path(key), { recursive: true, force: true });
      await removeEmpty(at.root, dirname(at.path(key)));
    },
    sync: (key) => at.sync(dirname(at.path(key))),
  };
}

/** Uploads: each a folder with a file for every chunk, named by its offset. */
function chunksIn(at: Files): Pick<Storage, Chunked> {
  const { read, write, list } = objectsIn(at);
  const gather = createGather(gatheredBytes);
  const chunkPath = (folder: string, offset: number) => at.path(chunkKey(folder, offset));
  return {
    async append(folder, offset, source) {
      const target = chunkPath(folder, offset);
      let file: FileHandle | undefined;
      const write = async (parts: Uint8Array[]) => {
        file ??= await at.inFolder(dirname(target), () => createChunk(target));
        await writeFully(file, parts);
      };
      try {
        const sizeBytes = await gather(source, { batchBytesAt, write });
        return file && sizeBytes > 0 ? [{ offset, sizeBytes, ...versionOf(await file.stat()) }] : [];
      } finally {
        await file?.close();
      }
    },
    async chunks(folder) {
      const offsets = (await list(folder)).map(parseChunkName).filter((offset) => offset !== undefined);
      const chunks = await Promise.all(
        offsets.map(async (offset): Promise<Chunk[]> => {
          const found = await ignoring(["ENOENT"], stat(chunkPath(folder, offset)));
          return found ? [{ offset, sizeBytes: found.size, ...versionOf(found) }] : [];
        }),
      );
      return chunks.flat();
    },
    async assemble(folder, chunks, key, isSettled) {
      const [first, ...others] = chunks;
      if (!first) {
        await write(key, "");
        return;
      }
      // A request that still writes to a chunk would write to the blob that it has become.
      const target = isSettled ? chunkPath(folder, first.offset) : at.newTemporary();
      try {
        if (isSettled) await truncate(target, first.sizeBytes);
        await using file = await open(target, "a", 0o600);
        // Cut off in between, the longer first chunk overlaps the next, and is cut back by the next attempt.
        for (const { offset, sizeBytes } of isSettled ? others : chunks) {
          const content = await read(chunkKey(folder, offset), { start: 0, end: sizeBytes });
          await gather(content, { batchBytesAt, write: (parts) => writeFully(file, parts) });
        }
        await file.datasync();
        await at.putInPlace(target, at.path(key));
        await at.sync(dirname(at.path(key)));
      } catch (error) {
        if (!isSettled) await rm(target, { force: true });
        throw error;
      }
    },
  };
}

/** A writer whose empty file another has replaced still writes to its own. */
const versionOf = ({ ino }: { ino: number }) => ({ version: String(ino) });

const compareBytes = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

async function ignoring<T>(codes: string[], action: Promise<T>): Promise<T | undefined> {
  return action.catch((error: unknown) => {
    if (codes.some((code) => hasCode(error, code))) return undefined;
    throw error;
  });
}

async function createChunk(path: string): Promise<FileHandle> {
  try {
    return await open(path, "wx", 0o600);
  } catch (error) {
    if (!hasCode(error, "EEXIST")) throw error;
    if ((await ignoring(["ENOENT"], stat(path)))?.size) {
      throw new RegistryError("RANGE_INVALID", "another request is uploading this part", { cause: error });
    }
    // Of a writer that was killed before its first byte.
    await ignoring(["ENOENT"], unlink(path));
    return open(path, "wx", 0o600);
  }
}

async function writeFully(file: FileHandle, parts: Uint8Array[]): Promise<void> {
  const wanted = parts.reduce((sum, part) => sum + part.length, 0);
  const { bytesWritten } = await file.writev(parts);
  if (bytesWritten === wanted) return;
  // A disk that fills up takes a part, and gives its reason with the next write.
  const rest = Buffer.concat(parts).subarray(bytesWritten);
  await file.writeFile(rest);
}

/** Upwards, as far as there is nothing left. */
async function removeEmpty(root: string, folder: string): Promise<void> {
  for (let current = folder; current.length > root.length; current = dirname(current)) {
    try {
      await rmdir(current);
    } catch (error) {
      if (hasCode(error, "ENOENT")) continue;
      if (["ENOTEMPTY", "EEXIST", "EBUSY", "ENOTDIR"].some((code) => hasCode(error, code))) return;
      throw error;
    }
  }
}

/** What killed servers left half-written; a younger file may be another server's. */
async function removeOld(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const found = await ignoring(["ENOENT"], stat(join(folder, name)));
    if (found && Date.now() - found.mtimeMs > oldMilliseconds) await rm(join(folder, name), { force: true });
  }
}
