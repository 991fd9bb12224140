import type { Readable } from "node:stream";
import { RegistryError } from "./errors.ts";

export interface StoredObject {
  sizeBytes: number;
  /** By the storage's own clock. */
  modified: Date;
}

/** A part of an upload: it begins `offset` bytes into the blob. Its key is `chunkKey`'s. */
export interface Chunk {
  offset: number;
  sizeBytes: number;
  /** Another one where another request has replaced the chunk. */
  version?: string;
}

/**
 * Where a registry keeps everything: a folder, or a bucket. Keys are paths without a slash at either end. What is written is there
 * for all servers on the same storage at once, whole or not at all.
 */
export interface Storage {
  /** For people: where it is. */
  readonly description: string;
  find(key: string): Promise<StoredObject | undefined>;
  /**
   * Content from byte `start` to before byte `end`. The reader destroys the stream.
   * @throws RegistryError BLOB_UNKNOWN when there is none, or when the stream is read
   */
  read(key: string, range?: { start: number; end: number }): Promise<Readable>;
  /** Replaces what is there. For small documents. @param isMark it may be lost with the machine's power */
  write(key: string, content: Uint8Array | string, isMark?: boolean): Promise<void>;
  /** What is there under this key, by whomever it was written, survives a power cut from now on. */
  sync(key: string): Promise<void>;
  /** Names directly in a folder, objects and folders alike, in the order of their bytes; none for a folder that is not there. */
  list(folder: string): Promise<string[]>;
  /** An object, or a folder with all that is in it; nothing happens when there is none. */
  remove(key: string): Promise<void>;

  /**
   * Stores a part of an upload, which is a folder of chunks. What has come is kept when `source` fails.
   * @returns what it was stored as
   * @throws RegistryError RANGE_INVALID when another request has stored that part; what `source` throws
   */
  append(folder: string, offset: number, source: AsyncIterable<Uint8Array>): Promise<Chunk[]>;
  /** In the order of their offsets. */
  chunks(folder: string): Promise<Chunk[]>;
  /**
   * Makes an object of chunks that follow each other without gaps or overlaps.
   * @param isSettled no request can still be writing them, so that they may be used up
   */
  assemble(folder: string, chunks: readonly Chunk[], key: string, isSettled: boolean): Promise<void>;
}

const longestText = 8 << 20;

/** All of a small object. @throws RegistryError BLOB_UNKNOWN; MANIFEST_TOO_LARGE beyond the limit */
export async function readContent(storage: Storage, key: string, limitBytes: number): Promise<Buffer> {
  return collect(await storage.read(key), limitBytes);
}

/** A link or another short text; undefined when there is none. */
export async function findText(storage: Storage, key: string): Promise<string | undefined> {
  try {
    return (await readContent(storage, key, longestText)).toString();
  } catch (error) {
    if (error instanceof RegistryError && error.code === "BLOB_UNKNOWN") return undefined;
    throw error;
  }
}

/** @throws RegistryError MANIFEST_TOO_LARGE beyond the limit */
export async function collect(source: AsyncIterable<Uint8Array>, limitBytes: number): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const part of source) {
    parts.push(part);
    sizeBytes += part.length;
    if (sizeBytes > limitBytes) {
      throw new RegistryError("MANIFEST_TOO_LARGE", `a manifest has at most ${limitBytes} bytes`);
    }
  }
  return Buffer.concat(parts);
}
