import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { hasCode, internal, invalid, messageOf, notFound } from "../../errors.ts";
import { decodeFrameHead, frameHeadBytes } from "../../formats/archive-frame.ts";
import { type Digest, hexOf } from "../../formats/digest.ts";

/**
 * Content by digest: `<root>/blobs/sha256/<hex>`, and of layers' plain archives `<root>/blobs/frames/<hex>`. A file is there complete or
 * not at all.
 */
export interface BlobStore {
  /** Where the whole of it is, if it is whole. */
  path(digest: Digest): string;
  /** Whether it is there as the file it is. */
  isWhole(digest: Digest): boolean;
  /** Where the frame of a layer's plain archive is, from which and the layer's files it can be had. */
  framePath(digest: Digest): string;
  hasFrame(digest: Digest): boolean;
  /** Whether it is there, in one way or the other. */
  has(digest: Digest): boolean;
  /**
   * Takes a frame into the store. It counts once the layer's files are in their place.
   * @param isSynced waits until it is on the disk, so that what it stands for may go
   */
  keepFrame(path: string, digest: Digest, isSynced?: boolean): Promise<void>;
  /** Removes the whole where there is a frame. */
  slim(digest: Digest): Promise<void>;
  /** @throws notFound */
  getSizeBytes(digest: Digest): Promise<number>;
  /** The whole content of a small blob. @throws notFound; invalid when it is larger than `limitBytes` */
  readText(digest: Digest, limitBytes?: number): Promise<string>;
  /**
   * Writes what comes to a file beside the store, hashing it. Nothing is kept when `chunks` fails or `expected` differs.
   * @throws invalid for a wrong digest; internal when the disk is full
   */
  spool(chunks: AsyncIterable<Uint8Array>, expected?: Digest): Promise<SpooledBlob>;
  /** Puts a spooled file into the store under its digest. */
  keep(spooled: SpooledBlob): Promise<void>;
  put(content: string | Uint8Array): Promise<Digest>;
  discard(spooled: SpooledBlob): Promise<void>;
  /** Takes it out of the store at once, so that the same content can come again, and frees its space in the background. */
  remove(digest: Digest): Promise<void>;
  /** Digests of all that is in the store. */
  list(): Promise<string[]>;
  /** Removes every blob for which `isUsed` is false. */
  sweep(isUsed: (digest: Digest) => boolean): void;
  /** A new path for a temporary file on the store's own file system; left-overs go at the next start. */
  temporaryPath(): string;
}

export interface SpooledBlob {
  path: string;
  digest: Digest;
  sizeBytes: number;
}

const documentLimitBytes = 8 * 1024 * 1024;
const flushBytes = 1024 * 1024;

/** Makes the folders and removes what an earlier process left half-written. */
export function openBlobs(root: string): BlobStore {
  const folder = join(root, "blobs", "sha256");
  const frames = join(root, "blobs", "frames");
  const temporary = join(root, "blobs", "tmp");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  mkdirSync(frames, { recursive: true, mode: 0o700 });
  rmSync(temporary, { recursive: true, force: true });
  mkdirSync(temporary, { mode: 0o700 });
  let sequence = 0;

  const temporaryPath = () => join(temporary, String(++sequence));
  const path = (digest: Digest) => join(folder, hexOf(digest));
  const framePath = (digest: Digest) => join(frames, hexOf(digest));
  const isWhole = (digest: Digest) => existsSync(path(digest));
  const hasFrame = (digest: Digest) => existsSync(framePath(digest));

  async function getSizeBytes(digest: Digest): Promise<number> {
    const sizeBytes = (await sizeOf(path(digest))) ?? (await framedSizeOf(framePath(digest), digest));
    if (sizeBytes === undefined) throw notFound(`blob ${digest} not found`);
    return sizeBytes;
  }

  const removeFile = (file: string) => removeBy(file, temporaryPath());
  const spool: BlobStore["spool"] = (chunks, expected) => spoolTo(temporaryPath(), chunks, expected);
  const keep = (spooled: SpooledBlob) => rename(spooled.path, path(spooled.digest));

  return {
    path,
    isWhole,
    framePath,
    hasFrame,
    has: (digest) => isWhole(digest) || hasFrame(digest),
    async keepFrame(from, digest, isSynced = false) {
      if (isSynced) await sync(from);
      await rename(from, framePath(digest));
      if (isSynced) await sync(frames);
    },
    async slim(digest) {
      if (hasFrame(digest)) await removeFile(path(digest));
    },
    getSizeBytes,
    async readText(digest, limitBytes = documentLimitBytes) {
      if ((await getSizeBytes(digest)) > limitBytes) {
        throw invalid(`blob ${digest} is too large for a document`);
      }
      return readFile(path(digest), "utf8");
    },
    spool,
    keep,
    async put(content) {
      const spooled = await spool(once(Buffer.from(content as Uint8Array)));
      await keep(spooled);
      return spooled.digest;
    },
    discard: (spooled) => rm(spooled.path, { force: true }),
    async remove(digest) {
      await Promise.all([removeFile(path(digest)), removeFile(framePath(digest))]);
    },
    async list() {
      const names = await Promise.all([readdir(folder), readdir(frames)]);
      return [...new Set(names.flat())].map((hex) => `sha256:${hex}`);
    },
    sweep(isUsed) {
      for (const place of [folder, frames])
        for (const hex of readdirSync(place)) {
          if (!isUsed(`sha256:${hex}`)) rmSync(join(place, hex), { force: true, recursive: true });
        }
    },
    temporaryPath,
  };
}

export function wrongDigest(expected: Digest, actual: Digest): Error {
  return invalid(`wrong digest: content of ${expected} has ${actual}`);
}

async function* once(chunk: Uint8Array): AsyncGenerator<Uint8Array> {
  yield chunk;
}

/** Writes what comes to a new file, which goes when that fails. */
async function spoolTo(
  path: string,
  chunks: AsyncIterable<Uint8Array>,
  expected: Digest | undefined,
): Promise<SpooledBlob> {
  try {
    const written = await writeHashed(path, chunks);
    if (expected && written.digest !== expected) throw wrongDigest(expected, written.digest);
    return { path, ...written };
  } catch (error) {
    await rm(path, { force: true });
    throw hasCode(error, "ENOSPC") ? internal("no space left on device", error) : error;
  }
}

/** A file's content; the names in a folder. */
async function sync(path: string): Promise<void> {
  const file = await open(path);
  await file.sync().finally(() => file.close());
}

/** At once, so that the same can come again; its space is freed after that. @param gone a new path to move it to */
function removeBy(file: string, gone: string): Promise<void> {
  try {
    renameSync(file, gone);
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error;
  }
  return rm(gone, { force: true });
}

/** Undefined for a file that is not there. */
async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** What the head of a frame says of its blob; undefined when there is none. */
async function framedSizeOf(path: string, digest: Digest): Promise<number | undefined> {
  if (!existsSync(path)) return undefined;
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(frameHeadBytes), 0, frameHeadBytes, 0);
    return decodeFrameHead(buffer.subarray(0, bytesRead)).sizeBytes;
  } catch (error) {
    throw internal(`blob ${digest} has changed on the disk: ${messageOf(error)}`, error);
  } finally {
    await file.close();
  }
}

/** Small chunks are gathered: a write to the disk costs more than a copy. */
async function writeHashed(path: string, chunks: AsyncIterable<Uint8Array>) {
  const hash = createHash("sha256");
  let gathered: Uint8Array[] = [];
  let gatheredBytes = 0;
  let sizeBytes = 0;
  const file = await open(path, "wx", 0o600);
  try {
    const flush = async () => {
      const batch = gathered;
      gathered = [];
      gatheredBytes = 0;
      let left = 0;
      for (const part of batch) left += part.length;
      const data = batch.length === 1 ? (batch[0] as Uint8Array) : Buffer.concat(batch, left);
      for (let offset = 0; offset < left; ) offset += (await file.write(data, offset)).bytesWritten;
    };
    for await (const chunk of chunks) {
      hash.update(chunk);
      gathered.push(chunk);
      gatheredBytes += chunk.length;
      sizeBytes += chunk.length;
      if (gatheredBytes >= flushBytes) await flush();
    }
    await flush();
  } finally {
    await file.close();
  }
  const digest: Digest = `sha256:${hash.digest("hex")}`;
  return { digest, sizeBytes };
}
