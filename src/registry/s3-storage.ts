import { randomUUID } from "node:crypto";
import { Readable } from "node:stream";
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { chunkKey, parseChunkName } from "./chunks.ts";
import { RegistryError } from "./errors.ts";
import { createGather, type Gather } from "./gather.ts";
import { assembleObject } from "./s3-assemble.ts";
import { type Bucket, httpStatusOf, openBucket, type S3Config } from "./s3-bucket.ts";
import type { Chunk, Storage } from "./storage.ts";

const removedAtOnce = 16;

/** Objects in a bucket of S3, or of a service that speaks its protocol. @throws EngineError unavailable when it cannot be reached */
export async function openS3Storage(config: S3Config): Promise<Storage> {
  const bucket = await openBucket(config);
  const { client, name: Bucket, keyOf } = bucket;
  const appending = { bucket, isExclusive: { isSupported: true }, gather: createGather(gatheredBytes) };

  const storage: Storage = {
    description: `bucket ${Bucket}${config.endpoint ? ` at ${config.endpoint}` : ""}`,
    async find(key) {
      const found = await ignoringMissing(client.send(new HeadObjectCommand({ Bucket, Key: keyOf(key) })));
      if (!found) return undefined;
      return { sizeBytes: found.ContentLength ?? 0, modified: found.LastModified ?? new Date(0) };
    },
    async read(key, range) {
      if (range && range.end <= range.start) return Readable.from([]);
      const Range = range && `bytes=${range.start}-${range.end - 1}`;
      const input = { Bucket, Key: keyOf(key), ...(Range && { Range }) };
      const found = await ignoringMissing(client.send(new GetObjectCommand(input)));
      if (!found) throw new RegistryError("BLOB_UNKNOWN", "blob unknown to registry");
      return found.Body as Readable;
    },
    async write(key, content) {
      // The SDK takes an empty text for a stream of unknown length.
      const Body = Buffer.from(content as Uint8Array);
      await client.send(new PutObjectCommand({ Bucket, Key: keyOf(key), Body }));
    },
    // Amazon's S3 answers when that is so.
    async sync() {},
    async list(folder) {
      const names: string[] = [];
      for await (const page of listPages(bucket, `${folder}/`, "/")) {
        for (const { Prefix } of page.CommonPrefixes ?? []) names.push(lastName((Prefix ?? "").slice(0, -1)));
        for (const { Key } of page.Contents ?? []) names.push(lastName(Key ?? ""));
      }
      return names.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    },
    async remove(key) {
      const keys = [keyOf(key)];
      for await (const page of listPages(bucket, `${key}/`)) {
        for (const { Key } of page.Contents ?? []) keys.push(Key ?? "");
      }
      // One by one: not every service has the command for several.
      while (keys.length > 0) {
        const batch = keys.splice(0, removedAtOnce);
        await Promise.all(batch.map((Key) => client.send(new DeleteObjectCommand({ Bucket, Key }))));
      }
    },
    append: (folder, offset, source) => appendChunks(appending, folder, offset, source),
    async chunks(folder) {
      const chunks: Chunk[] = [];
      for await (const page of listPages(bucket, `${folder}/`)) {
        for (const { Key = "", Size: sizeBytes = 0, ETag } of page.Contents ?? []) {
          const offset = parseChunkName(lastName(Key));
          if (offset !== undefined) chunks.push({ offset, sizeBytes, ...versionOf(ETag) });
        }
      }
      return chunks;
    },
    assemble: (folder, chunks, key) => assembleObject(bucket, storage, folder, chunks, key),
  };
  return storage;
}

async function ignoringMissing<T>(answer: Promise<T>): Promise<T | undefined> {
  return answer.catch((error: unknown) => {
    if (httpStatusOf(error) === 404) return undefined;
    throw error;
  });
}

const lastName = (key: string) => key.slice(key.lastIndexOf("/") + 1);

async function* listPages({ client, name: Bucket, keyOf }: Bucket, prefix: string, Delimiter?: string) {
  for (let token: string | undefined; ; ) {
    const page = await client.send(
      new ListObjectsV2Command({
        Bucket,
        Prefix: keyOf(prefix),
        ...(Delimiter && { Delimiter }),
        ...(token && { ContinuationToken: token }),
      }),
    );
    yield page;
    if (!page.IsTruncated || !page.NextContinuationToken) return;
    token = page.NextContinuationToken;
  }
}

/** Ten thousand parts are the most that one object is made of: those far inside are bigger. */
const chunkBytesAt = (offset: number) => (offset < 32 * 2 ** 30 ? 8 << 20 : 64 << 20);

/** Of the uploads under way, each of which has two chunks where there is room. */
const gatheredBytes = 512 << 20;

/** Stores what comes in pieces, one being sent while the next arrives. */
async function appendChunks(
  { bucket, isExclusive, gather }: { bucket: Bucket; isExclusive: { isSupported: boolean }; gather: Gather },
  folder: string,
  offset: number,
  source: AsyncIterable<Uint8Array>,
): Promise<Chunk[]> {
  const stored: Chunk[] = [];
  let at = offset;
  await gather(source, {
    batchBytesAt: (totalBytes) => chunkBytesAt(offset + totalBytes),
    async write(parts, sizeBytes) {
      const chunk = { offset: at, sizeBytes };
      at += sizeBytes;
      const tag = await putNew(bucket, isExclusive, chunkKey(folder, chunk.offset), Buffer.concat(parts));
      stored.push({ ...chunk, ...versionOf(tag) });
    },
  });
  return stored;
}

/** An ETag as a version; answers quote it, lists may not. */
function versionOf(tag: string | undefined): { version?: string } {
  return tag ? { version: tag.replaceAll('"', "") } : {};
}

/** Stores an object that must not be there, and gives its ETag. @throws RegistryError RANGE_INVALID when it is there */
async function putNew(
  bucket: Bucket,
  isExclusive: { isSupported: boolean },
  key: string,
  content: Buffer,
): Promise<string | undefined> {
  const { client, name: Bucket, keyOf } = bucket;
  const writer = randomUUID();
  const input = { Bucket, Key: keyOf(key), Body: content, Metadata: { writer } };
  const condition = isExclusive.isSupported ? { IfNoneMatch: "*" } : {};
  try {
    return (await client.send(new PutObjectCommand({ ...input, ...condition }))).ETag;
  } catch (error) {
    if (httpStatusOf(error) === 501 && isExclusive.isSupported) {
      isExclusive.isSupported = false;
      return putNew(bucket, isExclusive, key, content);
    }
    if (httpStatusOf(error) !== 412) throw error;
    // Ours, when the answer to a first attempt was lost.
    const found = await client.send(new HeadObjectCommand({ Bucket, Key: keyOf(key) }));
    if (found.Metadata?.writer === writer) return found.ETag;
    throw new RegistryError("RANGE_INVALID", "another request is uploading this part", { cause: error });
  }
}
