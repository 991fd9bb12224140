import { randomBytes } from "node:crypto";
import { type FileHandle, open, unlink } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { hasCode } from "../../errors.ts";

/** One of the files of a log, which is open and stays as it is whatever becomes of its name. */
export interface LogPart {
  /** To be read at any place. What is compressed is unpacked the first time. */
  plain(): Promise<FileHandle>;
  close(): Promise<void>;
}

/** Opens the files of a log that there are, oldest first; the last one is the file that is written now. */
export async function openLogParts(path: string): Promise<LogPart[]> {
  const parts: LogPart[] = [];
  // In a rotation one of them is missing for a moment.
  for (let n = 0, missing = 0; missing < 2; n++) {
    const part = n === 0 ? await openPlain(path) : await openRotated(`${path}.${n}`);
    if (part) parts.push(part);
    else missing++;
  }
  return parts.reverse();
}

export async function openIfExists(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, "r");
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

async function openPlain(path: string): Promise<LogPart | undefined> {
  const file = await openIfExists(path);
  return file && { plain: async () => file, close: () => file.close() };
}

async function openRotated(path: string): Promise<LogPart | undefined> {
  const plain = await openPlain(path);
  if (plain) return plain;
  const file = await openIfExists(`${path}.gz`);
  if (!file) return undefined;
  let unpacked: Promise<FileHandle> | undefined;
  return {
    plain: () => (unpacked ??= unpack(file, path)),
    async close() {
      await file.close();
      await unpacked?.then((made) => made.close()).catch(() => {});
    },
  };
}

/** Into a file without a name, beside the log: it is as large as one file of the log may be. */
async function unpack(file: FileHandle, path: string): Promise<FileHandle> {
  const name = `${path}.${randomBytes(6).toString("hex")}.plain`;
  const target = await open(name, "wx+", 0o600);
  await unlink(name);
  const source = Readable.from(blocksOf(file));
  const keep = async (unpacked: AsyncIterable<Buffer>) => {
    for await (const chunk of unpacked) await target.write(chunk);
  };
  // Of one that was cut off, what can be read counts.
  await pipeline(source, createGunzip(), keep).catch(() => {});
  return target;
}

async function* blocksOf(file: FileHandle): AsyncGenerator<Buffer> {
  for (let position = 0; ; ) {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(blockBytes), 0, blockBytes, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

const blockBytes = 64 * 1024;
