import type { Readable } from "node:stream";
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
} from "@aws-sdk/client-s3";
import { chunkKey, endOf } from "./chunks.ts";
import type { Bucket } from "./s3-bucket.ts";
import { type Chunk, collect, type Storage } from "./storage.ts";

/** Every part but the last has at least this many bytes, and a range may be copied from an object that has more. */
const leastPartBytes = 5 << 20;
const partBytes = 8 << 20;
const atOnce = 4;

/** A part of the new object: one big chunk, which the service copies, or several that are sent again. */
type Part = Chunk[];

/**
 * Makes an object of an upload's chunks, by a multipart upload in which the service copies what is big enough. It fails when a chunk is
 * no longer the one that was meant.
 */
export async function assembleObject(
  bucket: Bucket,
  storage: Storage,
  folder: string,
  chunks: readonly Chunk[],
  key: string,
): Promise<void> {
  const { client, name: Bucket, keyOf } = bucket;
  const readAll = (part: Part) => readPart(bucket, folder, part);
  if (endOf(chunks) <= partBytes) return storage.write(key, await readAll([...chunks]));

  const target = { Bucket, Key: keyOf(key) };
  const { UploadId } = await client.send(new CreateMultipartUploadCommand(target));
  const store = async (part: Part, PartNumber: number) => {
    const [chunk] = part;
    if (part.length > 1 || !chunk || !canCopy(chunk)) {
      const Body = await readAll(part);
      const { ETag } = await client.send(new UploadPartCommand({ ...target, UploadId, PartNumber, Body }));
      return { ETag, PartNumber };
    }
    const source = keyOf(chunkKey(folder, chunk.offset)).split("/").map(encodeURIComponent).join("/");
    const { CopyPartResult } = await client.send(
      new UploadPartCopyCommand({
        ...target,
        UploadId,
        PartNumber,
        CopySource: `${Bucket}/${source}`,
        CopySourceRange: `bytes=0-${chunk.sizeBytes - 1}`,
        ...(chunk.version && { CopySourceIfMatch: `"${chunk.version}"` }),
      }),
    );
    return { ETag: CopyPartResult?.ETag, PartNumber };
  };
  try {
    const parts = planParts(chunks);
    const Parts: { ETag: string | undefined; PartNumber: number }[] = [];
    for (let from = 0; from < parts.length; from += atOnce) {
      const some = parts.slice(from, from + atOnce);
      Parts.push(...(await Promise.all(some.map((part, at) => store(part, from + at + 1)))));
    }
    await client.send(
      new CompleteMultipartUploadCommand({ ...target, UploadId, MultipartUpload: { Parts } }),
    );
  } catch (error) {
    await client.send(new AbortMultipartUploadCommand({ ...target, UploadId })).catch(() => {
      // The service drops it by the bucket's rules.
    });
    throw error;
  }
}

async function readPart(
  { client, name: Bucket, keyOf }: Bucket,
  folder: string,
  part: Part,
): Promise<Buffer> {
  const contents: Buffer[] = [];
  for (const { offset, sizeBytes, version } of part) {
    const Range = `bytes=0-${sizeBytes - 1}`;
    const input = {
      Bucket,
      Key: keyOf(chunkKey(folder, offset)),
      Range,
      ...(version && { IfMatch: `"${version}"` }),
    };
    const { Body } = await client.send(new GetObjectCommand(input));
    contents.push(await collect(Body as Readable, sizeBytes));
  }
  return Buffer.concat(contents);
}

const canCopy = ({ sizeBytes }: Chunk) => sizeBytes > leastPartBytes;

/** Chunks that are too small for a part are put together. */
function planParts(chunks: readonly Chunk[]): Part[] {
  const parts: Part[] = [];
  let gathered: Part = [];
  const sizeOf = (part: Part) => part.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  for (const chunk of chunks) {
    gathered.push(chunk);
    if (sizeOf(gathered) <= leastPartBytes) continue;
    parts.push(gathered);
    gathered = [];
  }
  if (gathered.length > 0) parts.push(gathered);
  return parts;
}
