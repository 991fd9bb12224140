import { open, rm } from "node:fs/promises";
import { internal } from "../../errors.ts";
import { paddingAfter, type TarEntry } from "../../formats/tar/tar-entry.ts";
import { archiveEnd, encodeEntry } from "../../formats/tar/tar-writer.ts";
import type { ImageJobs } from "../jobs.ts";
import {
  type BlobContent,
  blobName,
  type Content,
  collectContent,
  type SavedImage,
  type SaveStore,
} from "./archive-content.ts";

const chunkBytes = 256 * 1024;
const epoch = { seconds: 0, nanoseconds: 0 };

/**
 * The pieces of an archive, to be read once, and until then to be kept. A piece is good until the next one is asked for: their
 * buffer is used again.
 */
export type SavedArchive = AsyncIterable<Uint8Array>;

/**
 * An archive that is a docker-archive (for `docker load` of any version) and an OCI layout at once, as `docker save`
 * writes since 25. Layers shared by several images are in it once. The caller keeps the images' blobs
 * and layers from being removed.
 */
export async function saveArchive(saved: readonly SavedImage[], store: SaveStore): Promise<SavedArchive> {
  const content: Content = new Map();
  try {
    const documents = await collectContent(content, saved, store);
    return archiveOf(content, documents, store.jobs);
  } catch (error) {
    await discardTemporary(content);
    throw error;
  }
}

/** @param content temporary files of it are removed in the end */
export async function* archiveOf(
  content: Content,
  documents: Record<string, unknown>,
  jobs: ImageJobs,
): AsyncGenerator<Uint8Array> {
  try {
    yield encodeEntry(header("blobs/", 0, "directory"));
    yield encodeEntry(header("blobs/sha256/", 0, "directory"));
    for (const [digest, blob] of [...content].sort(([a], [b]) => (a < b ? -1 : 1))) {
      if ("text" in blob) yield packText(blobName(digest), blob.text);
      else yield* packBlob(blobName(digest), blob, jobs);
    }
    for (const [name, document] of Object.entries(documents)) yield packText(name, JSON.stringify(document));
    yield archiveEnd;
  } finally {
    await discardTemporary(content);
  }
}

async function* packBlob(
  name: string,
  blob: Exclude<BlobContent, { text: string }>,
  jobs: ImageJobs,
): AsyncGenerator<Uint8Array> {
  const seconds = ("modified" in blob && blob.modified) || 0;
  yield encodeEntry({ ...header(name, blob.sizeBytes), mtime: { seconds, nanoseconds: 0 } });
  yield* readSavedBlob(blob, jobs);
  yield Buffer.alloc(paddingAfter(blob.sizeBytes));
}

/** The bytes of a blob. A piece is good until the next one. */
export function readSavedBlob(
  blob: Exclude<BlobContent, { text: string }>,
  jobs: ImageJobs,
): AsyncIterable<Uint8Array> {
  return "source" in blob ? jobs.read(blob.source) : readPieces(blob.path, blob.sizeBytes);
}

/** Through one buffer, used again and again: a new one for each piece keeps the garbage collector busy. */
async function* readPieces(path: string, sizeBytes: number): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.allocUnsafe(Math.min(chunkBytes, sizeBytes));
  const file = await open(path);
  try {
    for (let at = 0; at < sizeBytes; ) {
      const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, sizeBytes - at), at);
      if (bytesRead === 0) throw internal(`blob ${path} is cut short`);
      yield buffer.subarray(0, bytesRead);
      at += bytesRead;
    }
  } finally {
    await file.close();
  }
}

async function discardTemporary(content: Content): Promise<void> {
  for (const blob of content.values())
    if ("path" in blob && blob.isTemporary) await rm(blob.path, { force: true });
}

function packText(name: string, text: string): Buffer {
  const body = Buffer.from(text);
  return Buffer.concat([
    encodeEntry(header(name, body.length)),
    body,
    Buffer.alloc(paddingAfter(body.length)),
  ]);
}

function header(name: string, sizeBytes: number, type: "file" | "directory" = "file"): TarEntry {
  return { name, type, mode: type === "file" ? 0o644 : 0o755, uid: 0, gid: 0, sizeBytes, mtime: epoch };
}
