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
  /** Says how it begins, compressed or not; "" as long as it has no line. No other file of the log has the same. */
  head(): Promise<string>;
  /** Whether it has that head, also one as earlier versions made it, which other files may have as well. */
  hasHead(head: string): Promise<boolean>;
  /** To be read at any place. What is compressed is unpacked the first time. */
  plain(): Promise<FileHandle>;
  close(): Promise<void>;
}

/** Opens the files of a log that there are, oldest first; the last one is the file that is written now. */
export async function openLogParts(path: string): Promise<LogPart[]> {
  const parts: LogPart[] = [];
  try {
    // In a rotation one of them is missing for a moment.
    for (let n = 0, missing = 0; missing < 2; n++) {
      const part = n === 0 ? await openPart(path) : await openRotated(`${path}.${n}`);
      if (!part) missing++;
      // A rotation has just given it this name.
      else if (parts.some(({ ino }) => ino === part.ino)) await part.close();
      else parts.push(part);
    }
  } catch (error) {
    await Promise.all(parts.map((part) => part.close()));
    throw error;
  }
  return parts.reverse();
}

/** Opens the file that begins like this, or else, also where there are several, the oldest there is. */
export async function openPartOf(
  path: string,
  head: string,
): Promise<{ part: LogPart | undefined; isFound: boolean }> {
  let isFound = false;
  const part = await openOne(path, async (parts) => {
    const [found = -1, ...others] = await findHead(parts, head);
    isFound = found >= 0 && others.length === 0;
    return Math.max(0, found);
  });
  return { part, isFound };
}

/** Opens the file after one that is no longer written, or the oldest there is when that one has been deleted. */
export function openPartAfter(path: string, part: LogPart): Promise<LogPart | undefined> {
  return openOne(path, async (parts) => {
    const found = parts.findIndex(({ ino }) => ino === part.ino);
    if (found >= 0) return found + 1;
    const [same = -1] = await findHead(parts, await part.head());
    return same + 1;
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
    ino: await inodeOf(file),
    ...headsOf(() => readFirstLine(file)),
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

/** The indexes of all that have it. */
async function findHead(parts: LogPart[], head: string): Promise<number[]> {
  if (head === "") return [];
  const haveIt = await Promise.all(parts.map((part) => part.hasHead(head)));
  return haveIt.flatMap((hasIt, index) => (hasIt ? index : []));
}

async function openIfExists(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, "r");
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** Closes it where that cannot be read: a file that is left to the garbage collector ends the process. */
async function inodeOf(file: FileHandle): Promise<number> {
  try {
    return (await file.stat()).ino;
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function openRotated(path: string): Promise<LogPart | undefined> {
  const plain = await openPart(path);
  if (plain) return plain;
  const file = await openIfExists(`${path}.gz`);
  if (!file) return undefined;
  let unpacked: Promise<FileHandle> | undefined;
  const unpackAgain = (error: unknown) => {
    unpacked = undefined;
    throw error;
  };
  return {
    ino: await inodeOf(file),
    ...headsOf(() => unpackFirstLine(file)),
    plain: () => (unpacked ??= unpack(file, path).catch(unpackAgain)),
    async close() {
      await file.close();
      await unpacked?.then((made) => made.close()).catch(() => {});
    },
  };
}

/** @param firstLine gives it without its line feed, or as much of it as counts; undefined for none that is whole */
function headsOf(firstLine: () => Promise<Buffer | undefined>): Pick<LogPart, "head" | "hasHead"> {
  const hash = (bytes: Buffer) => createHash("sha256").update(bytes).digest("base64url");
  return {
    // With its time, which comes last in it.
    async head() {
      const line = await firstLine();
      return line ? `${headMark}${hash(line)}` : "";
    },
    async hasHead(head) {
      const line = await firstLine();
      if (!line) return false;
      return (
        head ===
        (head.startsWith(headMark) ? `${headMark}${hash(line)}` : hash(line.subarray(0, earlierHeadBytes)))
      );
    },
  };
}

async function readFirstLine(file: FileHandle): Promise<Buffer | undefined> {
  for (let size = firstReadBytes; ; size *= 4) {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(size), 0, size, 0);
    const line = findFirstLine(buffer.subarray(0, bytesRead));
    if (line || bytesRead < size) return line;
  }
}

/** Of what can be read, where the file was cut off. */
async function unpackFirstLine(file: FileHandle): Promise<Buffer | undefined> {
  let unpacked = Buffer.alloc(0);
  const keep = async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) {
      unpacked = Buffer.concat([unpacked, chunk]);
      if (findFirstLine(unpacked)) return;
    }
  };
  try {
    await pipeline(Readable.from(blocksOf(file)), createGunzip(), keep);
  } catch (error) {
    // To stop early is no failure.
    if (!findFirstLine(unpacked) && !isCutOff(error)) throw error;
  }
  return findFirstLine(unpacked);
}

function findFirstLine(beginning: Buffer): Buffer | undefined {
  const end = beginning.subarray(0, mostHeadBytes).indexOf(lineFeed);
  if (end >= 0) return beginning.subarray(0, end);
  return beginning.length >= mostHeadBytes ? beginning.subarray(0, mostHeadBytes) : undefined;
}

/**
 * Into a file without a name, beside the log: it is as large as one file of the log may be.
 * @throws where there is no room for it: a part of it would be taken for all there is, and its last lines be passed over
 */
async function unpack(file: FileHandle, path: string): Promise<FileHandle> {
  const name = `${path}.${randomBytes(6).toString("hex")}.plain`;
  const target = await open(name, "wx+", 0o600);
  // Each is written to its end, which one write need not do.
  const keep = async (unpacked: AsyncIterable<Buffer>) => {
    for await (const chunk of unpacked) await target.writeFile(chunk);
  };
  try {
    await unlink(name);
    await pipeline(Readable.from(blocksOf(file)), createGunzip(), keep);
  } catch (error) {
    // Of one that was cut off, what can be read counts.
    if (isCutOff(error)) return target;
    await target.close();
    throw error;
  }
  return target;
}

/** Whether what is packed is at fault, and not what it is read from or written to. */
function isCutOff(error: unknown): boolean {
  return error instanceof Error && "code" in error && String(error.code).startsWith("Z_");
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
const firstReadBytes = 4096;
/** Of a line that has very many attributes. */
const mostHeadBytes = 256 * 1024;
/** Heads of earlier versions are of at most this many bytes, and have no mark. */
const earlierHeadBytes = 256;
const headMark = "line:";
const lineFeed = 0x0a;
