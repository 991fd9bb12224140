import { close, createReadStream, createWriteStream, open as openFile } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { createGzip } from "node:zlib";
import { hasCode } from "../errors.ts";

const open = promisify(openFile);

/** A log's files: `path`, `path.1`, … `path.<maxFiles-1>`, the newest first. What is compressed has a name that ends in ".gz". */
export interface LogFiles {
  path: string;
  maxFiles: number;
}

/**
 * Begins a file at `path`, once each of the others has moved on by one; the oldest goes.
 * @returns the new file, to be written; the caller closes it
 * @throws a Node system error when it cannot be made; then all stays as it was
 */
export async function rotateLogFiles({ path, maxFiles }: LogFiles): Promise<number> {
  const fresh = `${path}.new`;
  const fd = await open(fresh, "a", 0o640);
  try {
    // Nothing is deleted before the new file is there: where none can be made, each attempt would take one more.
    await moveOn({ path, maxFiles });
    await rename(fresh, path);
  } catch (error) {
    close(fd, () => {});
    await ignoring(rm(fresh));
    throw error;
  }
  return fd;
}

async function moveOn({ path, maxFiles }: LogFiles): Promise<void> {
  const last = maxFiles - 1;
  // The new file takes its place.
  if (last === 0) return;
  for (const ending of endings) await ignoring(rm(`${path}.${last}${ending}`));
  for (let n = last - 1; n >= 1; n--)
    // Not that many yet, perhaps, or the other one of the two.
    for (const ending of endings)
      await ignoring(rename(`${path}.${n}${ending}`, `${path}.${n + 1}${ending}`));
  await rename(path, `${path}.1`).catch((error: unknown) => {
    if (!hasCode(error, "ENOENT")) throw error;
  });
}

/** By path: a log that is opened again, for the next run, waits for it before it moves the files. */
const compressions = new Map<string, Promise<void>>();

/** Resolves when none of the log's files is being compressed. */
export async function whenCompressed({ path }: Pick<LogFiles, "path">): Promise<void> {
  await compressions.get(path);
}

/** Compresses the newest of those that are no longer written, in the background. One that cannot be compressed stays as it is. */
export function compressSoon({ path }: Pick<LogFiles, "path">): void {
  const compression = compressRotated(path).finally(() => {
    if (compressions.get(path) === compression) compressions.delete(path);
  });
  compressions.set(path, compression);
}

async function compressRotated(path: string): Promise<void> {
  const plain = `${path}.1`;
  const part = `${path}.part`;
  try {
    await pipeline(createReadStream(plain), createGzip(), createWriteStream(part, { mode: 0o640 }));
    await rename(part, `${plain}.gz`);
    await rm(plain);
  } catch {
    await ignoring(rm(part));
  }
}

const endings = ["", ".gz"];

const ignoring = (work: Promise<void>) => work.catch(() => {});
