import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { hasCode, internal, invalid, notFound } from "../errors.ts";
import { type Digest, hexOf } from "../formats/digest.ts";

/** Content by digest: `<root>/blobs/sha256/<hex>`. A file is there complete or not at all. */
export interface Blobs {
  path(digest: Digest): string;
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
export function openBlobs(root: string): Blobs {
  const folder = join(root, "blobs", "sha256");
  const temporary = join(root, "blobs", "tmp");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  rmSync(temporary, { recursive: true, force: true });
  mkdirSync(temporary, { mode: 0o700 });
  let sequence = 0;

  const temporaryPath = () => join(temporary, String(++sequence));
  const path = (digest: Digest) => join(folder, hexOf(digest));

  async function spool(chunks: AsyncIterable<Uint8Array>, expected?: Digest): Promise<SpooledBlob> {
    const target = temporaryPath();
    try {
      const written = await writeHashed(target, chunks);
      if (expected && written.digest !== expected) {
        throw invalid(`wrong digest: content of ${expected} has ${written.digest}`);
      }
      return { path: target, ...written };
    } catch (error) {
      await rm(target, { force: true });
      throw hasCode(error, "ENOSPC") ? internal("no space left on device", error) : error;
    }
  }

  async function getSizeBytes(digest: Digest): Promise<number> {
    try {
      return (await stat(path(digest))).size;
    } catch (error) {
      throw hasCode(error, "ENOENT") ? notFound(`blob ${digest} not found`, error) : error;
    }
  }

  const keep = (spooled: SpooledBlob) => rename(spooled.path, path(spooled.digest));

  return {
    path,
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
      const chunk = Buffer.from(content as Uint8Array);
      const spooled = await spool(
        (async function* () {
          yield chunk;
        })(),
      );
      await keep(spooled);
      return spooled.digest;
    },
    discard: (spooled) => rm(spooled.path, { force: true }),
    remove(digest) {
      const gone = temporaryPath();
      try {
        renameSync(path(digest), gone);
      } catch (error) {
        if (!hasCode(error, "ENOENT")) throw error;
      }
      return rm(gone, { force: true });
    },
    list: async () => (await readdir(folder)).map((hex) => `sha256:${hex}`),
    sweep(isUsed) {
      for (const hex of readdirSync(folder)) {
        if (!isUsed(`sha256:${hex}`)) rmSync(join(folder, hex), { force: true, recursive: true });
      }
    },
    temporaryPath,
  };
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
