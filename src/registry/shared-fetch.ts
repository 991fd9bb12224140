import { createHash, type Hash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { EngineError, messageOf } from "../errors.ts";
import type { Digest } from "../formats/digest.ts";
import type { Logger } from "../logger.ts";
import { chunkKey, joinChunks } from "./chunks.ts";
import { RegistryError, toRegistryError } from "./errors.ts";
import { blobKey, uploadFolder } from "./layout.ts";
import type { MirrorCache } from "./mirror-cache.ts";
import type { ByteRange } from "./range.ts";
import type { Storage } from "./storage.ts";
import type { Uploads } from "./uploads.ts";

/** A blob's bytes from byte `from` on, from where a mirror gets them. @throws EngineError when the upstream does not give them */
export type FetchBlob = (
  name: string,
  digest: Digest,
  sizeBytes: number,
  from: number,
) => AsyncIterable<Uint8Array>;

/** Blobs on their way from the upstream into the storage, which any number of clients read meanwhile, each at its own pace. */
export interface SharedFetches {
  /**
   * Begins to fetch the blob unless that is under way, and gives a part of it as it comes. It goes on when its readers leave. What
   * cannot be stored, since the disk is full, is passed on without. Of a whole blob the last byte is given only when the digest has
   * been found to be right.
   */
  read(name: string, digest: Digest, sizeBytes: number, range: ByteRange): AsyncGenerator<Uint8Array>;
}

interface Running {
  uploadId: Promise<string>;
  done: Promise<void>;
}

const firstPauseMilliseconds = 10;
const longestPauseMilliseconds = 500;

export function createSharedFetches(
  { storage, uploads, cache }: { storage: Storage; uploads: Uploads; cache: MirrorCache },
  fetchBlob: FetchBlob,
  logger: Logger,
): SharedFetches {
  const running = new Map<string, Running>();

  function begin(name: string, digest: Digest, sizeBytes: number): Running {
    const uploadId = uploads.start(name);
    const done = cache
      .adding(sizeBytes, () => {
        const content = fetchBlob(name, digest, sizeBytes, 0);
        return store(uploads, uploadId, { name, digest, sizeBytes, content });
      })
      .finally(() => running.delete(`${name}@${digest}`));
    // Every reader gets it.
    done.catch(() => {});
    return { uploadId, done };
  }

  /** As it is stored. */
  async function* readShared(name: string, digest: Digest, sizeBytes: number, { start, end }: ByteRange) {
    const key = `${name}@${digest}`;
    const { uploadId, done } = running.get(key) ?? begin(name, digest, sizeBytes);
    if (!running.has(key)) running.set(key, { uploadId, done });
    let isDone = false;
    done.then(
      () => {
        isDone = true;
      },
      () => {},
    );
    const folder = uploadFolder(name, await uploadId);
    let pause = firstPauseMilliseconds;
    for (let offset = start; offset < end; ) {
      if (isDone) return yield* await storage.read(blobKey(digest), { start: offset, end });
      const before = offset;
      for await (const part of readStored(storage, folder, offset, Math.min(end, sizeBytes - 1))) {
        offset += part.length;
        yield part;
      }
      pause = offset > before ? firstPauseMilliseconds : Math.min(pause * 2, longestPauseMilliseconds);
      await Promise.race([sleep(pause), done]);
    }
  }

  return {
    async *read(name, digest, sizeBytes, { start, end }) {
      const isWhole = start === 0 && end === sizeBytes;
      const hash = createHash("sha256");
      let offset = start;
      /** What is thrown then is the client's end. */
      let isGiving = false;
      try {
        if (cache.mayKeep(sizeBytes)) {
          for await (const part of readShared(name, digest, sizeBytes, { start, end })) {
            offset += part.length;
            if (isWhole) hash.update(part);
            isGiving = true;
            yield part;
            isGiving = false;
          }
          return;
        }
      } catch (error) {
        // The upstream's errors are passed on; anything else is the storage's.
        const code = toRegistryError(error)?.code;
        const isStorage = !(error instanceof EngineError) && (code === undefined || troubles.has(code));
        if (isGiving || !isStorage) throw error;
        logger.warn(
          { digest, error: messageOf(error) },
          "the mirror cannot store this: it is passed on as it comes",
        );
      }
      const rest = passOn(fetchBlob(name, digest, sizeBytes, offset), end - offset);
      yield* isWhole ? verified(rest, hash, digest, end - offset) : rest;
    },
  };
}

/** Makes it a blob by an upload that is given up when it fails. */
async function store(
  uploads: Uploads,
  uploadId: Promise<string>,
  blob: { name: string; digest: Digest; sizeBytes: number; content: AsyncIterable<Uint8Array> },
): Promise<void> {
  const { name, digest, sizeBytes, content } = blob;
  const id = await uploadId;
  try {
    await uploads.append(name, id, content, { bytes: sizeBytes });
    await uploads.complete(name, id, digest);
  } catch (error) {
    await uploads.cancel(name, id).catch(() => {});
    throw error;
  }
}

/** It has no room, or another server has just removed what came. */
const troubles = new Set<string>(["STORAGE_FULL", "BLOB_UNKNOWN"]);

/** No more than `mostBytes`. */
async function* passOn(source: AsyncIterable<Uint8Array>, mostBytes: number): AsyncGenerator<Uint8Array> {
  let left = mostBytes;
  if (left === 0) return;
  for await (const part of source) {
    yield part.subarray(0, left);
    left -= part.length;
    if (left <= 0) return;
  }
}

/** Holds the last byte back until the digest is right. @param hash of what went before */
async function* verified(
  source: AsyncIterable<Uint8Array>,
  hash: Hash,
  digest: Digest,
  sizeBytes: number,
): AsyncGenerator<Uint8Array> {
  let left = sizeBytes;
  for await (const part of source) {
    hash.update(part);
    left -= part.length;
    if (left === 0 && `sha256:${hash.digest("hex")}` !== digest) {
      throw new RegistryError("DIGEST_INVALID", "the upstream sent another content than the digest's");
    }
    yield part;
  }
}

/** What is stored of an upload from `start` on, as far as its present chunk goes. */
async function* readStored(
  storage: Storage,
  folder: string,
  start: number,
  end: number,
): AsyncGenerator<Uint8Array> {
  const chunks = joinChunks(await storage.chunks(folder));
  const chunk = chunks.find(({ offset, sizeBytes }) => offset <= start && start < offset + sizeBytes);
  if (!chunk || start >= end) return;
  const range = {
    start: start - chunk.offset,
    end: Math.min(chunk.sizeBytes, end - chunk.offset),
  };
  try {
    yield* await storage.read(chunkKey(folder, chunk.offset), range);
  } catch (error) {
    // It has just become a blob.
    if (!(error instanceof RegistryError && error.code === "BLOB_UNKNOWN")) throw error;
  }
}
