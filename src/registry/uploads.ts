import { createHash, type Hash, randomUUID } from "node:crypto";
import type { Digest } from "../formats/digest.ts";
import type { Blobs } from "./blobs.ts";
import { areSameChunks, chunkKey, endOf, joinChunks } from "./chunks.ts";
import { RegistryError, toRegistryError } from "./errors.ts";
import { blobKey, layerKey, uploadFolder, uploadKey } from "./layout.ts";
import { formatUploaded } from "./range.ts";
import type { Chunk, Storage } from "./storage.ts";

/** Blobs on their way in. All that is known of one is in the storage, so that any server can go on with it. */
export interface Uploads {
  /** @returns the id */
  start(name: string): Promise<string>;
  /** Bytes that have come. @throws RegistryError BLOB_UPLOAD_UNKNOWN */
  getSize(name: string, id: string): Promise<number>;
  /**
   * Adds bytes at the end; those that came before a failure stay.
   * @param at where the client says they belong; `bytes`: how many it says there are
   * @returns bytes that have come in all
   * @throws RegistryError RANGE_INVALID, SIZE_INVALID, BLOB_UPLOAD_UNKNOWN
   */
  append(
    name: string,
    id: string,
    source: AsyncIterable<Uint8Array>,
    expected?: { at?: number | undefined; bytes?: number | undefined },
  ): Promise<number>;
  /**
   * Makes it a blob of the repository.
   * @throws RegistryError DIGEST_INVALID when it is another, which ends the upload, as a full storage does
   */
  complete(name: string, id: string, digest: Digest): Promise<void>;
  cancel(name: string, id: string): Promise<void>;
}

/** The hash of what this process has received, so that the stored bytes need not be read again. */
interface Progress {
  hash: Hash;
  chunks: Chunk[];
}

/** The address of an upload. */
export const uploadPath = (name: string, id: string) => `/v2/${name}/blobs/uploads/${id}`;

const idPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const mostHashes = 1000;

export function createUploads(storage: Storage, blobs: Blobs): Uploads {
  const hashed = new Map<string, Progress>();
  /** Those that are becoming blobs: a client that has waited too long asks again, and two would write into one file. */
  const completing = new Map<string, { digest: Digest; done: Promise<void> }>();

  async function cancel(name: string, id: string): Promise<void> {
    await completing.get(uploadKey(name, id))?.done.catch(() => {});
    await getChunks(storage, name, id);
    await discard(name, id);
  }

  async function discard(name: string, id: string): Promise<void> {
    hashed.delete(id);
    await storage.remove(uploadFolder(name, id));
  }

  return {
    async start(name) {
      const id = randomUUID();
      await storage.write(uploadKey(name, id), "", true);
      return id;
    },
    getSize: async (name, id) => endOf(await getChunks(storage, name, id)),
    async append(name, id, source, { at, bytes } = {}) {
      const before = await getChunks(storage, name, id);
      const offset = endOf(before);
      if (completing.has(uploadKey(name, id)))
        throw new RegistryError("RANGE_INVALID", "the upload is being completed");
      if (at !== undefined && at !== offset) throw outOfOrder(name, id, at, offset);
      const hash = continueHash(hashed.get(id), before);
      hashed.delete(id);
      const folder = uploadFolder(name, id);
      let stored: Chunk[];
      try {
        stored = await storage.append(folder, offset, hash ? updating(hash, source) : source);
      } catch (error) {
        if (isStorageFull(error)) await discard(name, id);
        throw error;
      }
      const end = stored.length > 0 ? endOf(stored) : offset;
      if (bytes !== undefined && end - offset !== bytes) {
        for (const chunk of stored) await storage.remove(chunkKey(folder, chunk.offset));
        throw new RegistryError("SIZE_INVALID", `the chunk has ${end - offset} bytes instead of ${bytes}`);
      }
      if (hash) remember(id, { hash, chunks: [...before, ...stored] });
      return end;
    },
    async complete(name, id, digest) {
      const key = uploadKey(name, id);
      for (let other = completing.get(key); other; other = completing.get(key)) {
        if (other.digest === digest) return other.done;
        await other.done.catch(() => {});
      }
      const done = completeUpload({ storage, blobs, hashed, discard }, name, id, digest).finally(() =>
        completing.delete(key),
      );
      completing.set(key, { digest, done });
      return done;
    },
    cancel,
  };

  function remember(id: string, progress: Progress): void {
    const [oldest] = hashed.keys();
    if (oldest !== undefined && hashed.size >= mostHashes) hashed.delete(oldest);
    hashed.set(id, progress);
  }
}

interface Completing {
  storage: Storage;
  blobs: Blobs;
  hashed: ReadonlyMap<string, Progress>;
  discard(name: string, id: string): Promise<void>;
}

async function completeUpload(
  { storage, blobs, hashed, discard }: Completing,
  name: string,
  id: string,
  digest: Digest,
): Promise<void> {
  const folder = uploadFolder(name, id);
  const chunks = await getChunks(storage, name, id);
  const own = hashed.get(id);
  // No other request is writing what was received here in full.
  const isSettled = own !== undefined && areSameChunks(own.chunks, chunks);
  const hex = isSettled ? own.hash.copy().digest("hex") : await readHash(storage, folder, chunks);
  const actual = `sha256:${hex}`;
  if (actual !== digest) {
    await discard(name, id);
    throw new RegistryError("DIGEST_INVALID", "provided digest did not match uploaded content", {
      detail: { digest, actual },
    });
  }
  try {
    await blobs.claim(name, digest);
    if (await storage.find(blobKey(digest))) {
      // The client that brings it may be about to write it too.
      await Promise.all([storage.sync(blobKey(digest)), storage.sync(layerKey(name, digest))]);
    } else {
      await storage.assemble(folder, chunks, blobKey(digest), isSettled);
    }
  } catch (error) {
    if (isStorageFull(error)) await discard(name, id);
    throw error;
  }
  await discard(name, id);
}

/** Then an upload would only keep it full. */
const isStorageFull = (error: unknown) => toRegistryError(error)?.code === "STORAGE_FULL";

/** What has come of an upload, in order. @throws RegistryError BLOB_UPLOAD_UNKNOWN */
async function getChunks(storage: Storage, name: string, id: string): Promise<Chunk[]> {
  const folder = uploadFolder(name, id);
  const [started, chunks] = idPattern.test(id)
    ? await Promise.all([storage.find(uploadKey(name, id)), storage.chunks(folder)])
    : [];
  if (started && chunks) return joinChunks(chunks);
  throw new RegistryError("BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry", { detail: { id } });
}

/** Of what is stored of an upload. */
async function readHash(storage: Storage, folder: string, chunks: readonly Chunk[]): Promise<string> {
  const hash = createHash("sha256");
  for (const { offset, sizeBytes } of chunks) {
    const content = await storage.read(chunkKey(folder, offset), { start: 0, end: sizeBytes });
    for await (const part of content) hash.update(part);
  }
  return hash.digest("hex");
}

/** Undefined when what is stored already was not hashed here. */
function continueHash(known: Progress | undefined, before: readonly Chunk[]): Hash | undefined {
  if (before.length === 0) return createHash("sha256");
  return known && areSameChunks(known.chunks, before) ? known.hash : undefined;
}

async function* updating(hash: Hash, source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const part of source) {
    hash.update(part);
    yield part;
  }
}

function outOfOrder(name: string, id: string, at: number, offset: number): RegistryError {
  return new RegistryError("RANGE_INVALID", `the chunk begins at ${at}; the upload goes on at ${offset}`, {
    headers: { Location: uploadPath(name, id), Range: formatUploaded(offset) },
  });
}
