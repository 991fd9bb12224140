import { createHash, randomBytes } from "node:crypto";
import { type FileHandle, open, stat, unlink } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { hasCode } from "../../errors.ts";

/** One of the files of a log, which is open and stays as it is whatever becomes of its name. */
export interface LogPart {
  /** Its inode: another name does not change it, compression does. */
  ino: number;
  /** Says how it begins, compressed or not; "" as long as it has no line. */
  head(): Promise<string>;
  /** To be read at any place. What is compressed is unpacked the first time. */
  plain(): Promise<FileHandle>;
  close(): Promise<void>;
}

/** Opens the files of a log that there are, oldest first; the last one is the file that is written now. */
export async function openLogParts(path: string): Promise<LogPart[]> {
  const parts: LogPart[] = [];
  // In a rotation one of them is missing for a moment.
  for (let n = 0, missing = 0; missing < 2; n++) {
    const part = n === 0 ? await openPart(path) : await openRotated(`${path}.${n}`);
    if (!part) missing++;
    // A rotation has just given it this name.
    else if (parts.some(({ ino }) => ino === part.ino)) await part.close();
    else parts.push(part);
  }
  return parts.reverse();
}

/** Opens the file that begins like this, or else the oldest there is. */
export function openPartOf(path: string, head: string): Promise<LogPart | undefined> {
  return openOne(path, async (parts) => Math.max(0, await findHead(parts, head)));
}

/** Opens the file after one that is no longer written, or the oldest there is when that one has been deleted. */
export function openPartAfter(path: string, part: LogPart): Promise<LogPart | undefined> {
  return openOne(path, async (parts) => {
    const found = parts.findIndex(({ ino }) => ino === part.ino);
    return 1 + (found === -1 ? await findHead(parts, await part.head()) : found);
  });
}

/** Whether another file is written by now. In the middle of a rotation that is not known yet. */
export async function isReplaced(path: string, part: LogPart): Promise<boolean> {
  try {
    return (await stat(path)).ino !== part.ino;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return false;
    throw error;
  }
}

/** The file that is written now, where there is one. */
export async function openPart(path: string): Promise<LogPart | undefined> {
  const file = await openIfExists(path);
  if (!file) return undefined;
  return {
    ino: (await file.stat()).ino,
    head: () => readHead(file),
    plain: async () => file,
    close: () => file.close(),
  };
}

/** Only the one that is chosen is unpacked. */
async function openOne(path: string, choose: (parts: LogPart[]) => Promise<number>) {
  const parts = await openLogParts(path);
  let chosen: LogPart | undefined;
  try {
    const part = parts[await choose(parts)];
    await part?.plain();
    chosen = part;
  } finally {
    await Promise.all(parts.map((part) => (part === chosen ? undefined : part.close())));
  }
  return chosen;
}

/** @returns -1 where there is none */
async function findHead(parts: LogPart[], head: string): Promise<number> {
  if (head === "") return -1;
  const heads = await Promise.all(parts.map((part) => part.head()));
  return heads.indexOf(head);
}

async function openIfExists(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, "r");
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

async function openRotated(path: string): Promise<LogPart | undefined> {
  const plain = await openPart(path);
  if (plain) return plain;
  const file = await openIfExists(`${path}.gz`);
  if (!file) return undefined;
  let unpacked: Promise<FileHandle> | undefined;
  return {
    ino: (await file.stat()).ino,
    head: async () => hashHead(await unpackBeginning(file, headBytes)),
    plain: () => (unpacked ??= unpack(file, path)),
    async close() {
      await file.close();
      await unpacked?.then((made) => made.close()).catch(() => {});
    },
  };
}

async function readHead(file: FileHandle): Promise<string> {
  const { bytesRead, buffer } = await file.read(Buffer.alloc(headBytes), 0, headBytes, 0);
  return hashHead(buffer.subarray(0, bytesRead));
}

/** @param beginning of a file: as much as counts, or all that there is */
function hashHead(beginning: Buffer): string {
  const end = beginning.indexOf(lineFeed);
  if (end === -1 && beginning.length < headBytes) return "";
  return createHash("sha256")
    .update(beginning.subarray(0, end === -1 ? headBytes : end))
    .digest("base64url");
}

/** As much as that, if there is as much. */
async function unpackBeginning(file: FileHandle, bytes: number): Promise<Buffer> {
  const unpacked: Buffer[] = [];
  const isEnough = () => unpacked.reduce((sum, { length }) => sum + length, 0) >= bytes;
  const keep = async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) if (unpacked.push(chunk) && isEnough()) return;
  };
  await pipeline(Readable.from(blocksOf(file)), createGunzip(), keep).catch(() => {});
  return Buffer.concat(unpacked).subarray(0, bytes);
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
const headBytes = 256;
const lineFeed = 0x0a;
