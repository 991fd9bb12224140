import { setTimeout as sleep } from "node:timers/promises";
import type { Digest } from "../formats/digest.ts";
import { chunkKey, joinChunks } from "./chunks.ts";
import { RegistryError } from "./errors.ts";
import { blobKey, uploadFolder } from "./layout.ts";
import type { Range } from "./range.ts";
import type { Storage } from "./storage.ts";
import type { Uploads } from "./uploads.ts";

/** A blob's bytes from where a mirror gets them. */
export type FetchBlob = (name: string, digest: Digest, sizeBytes: number) => AsyncIterable<Uint8Array>;

/** Blobs on their way from the upstream into the storage, which any number of clients read meanwhile, each at its own pace. */
export interface SharedFetches {
  /**
   * Begins to fetch the blob unless that is under way, and gives a part of it as it comes. It goes on when its readers leave. The last
   * byte is given only when the digest has been found to be right.
   */
  read(name: string, digest: Digest, sizeBytes: number, range: Range): AsyncGenerator<Uint8Array>;
}

interface Running {
  uploadId: Promise<string>;
  done: Promise<void>;
}

const firstPauseMilliseconds = 10;
const longestPauseMilliseconds = 500;

export function createSharedFetches(storage: Storage, uploads: Uploads, fetchBlob: FetchBlob): SharedFetches {
  const running = new Map<string, Running>();

  function begin(name: string, digest: Digest, sizeBytes: number): Running {
    const uploadId = uploads.start(name);
    const done = store(uploadId, name, digest, sizeBytes).finally(() => running.delete(`${name}@${digest}`));
    // Told to whoever reads.
    done.catch(() => {});
    return { uploadId, done };
  }

  async function store(uploadId: Promise<string>, name: string, digest: Digest, sizeBytes: number) {
    const id = await uploadId;
    try {
      await uploads.append(name, id, fetchBlob(name, digest, sizeBytes), { bytes: sizeBytes });
      await uploads.complete(name, id, digest);
    } catch (error) {
      await uploads.cancel(name, id).catch(() => {});
      throw error;
    }
  }

  return {
    async *read(name, digest, sizeBytes, { start, end }) {
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
    },
  };
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
