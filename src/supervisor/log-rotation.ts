import { createReadStream, createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";

/** A log's files: `path`, `path.1`, … `path.<maxFiles-1>`, the newest first. What is compressed has a name that ends in ".gz". */
export interface LogFiles {
  path: string;
  maxFiles: number;
}

/** Moves each file on by one, so that there is none at `path`. The oldest goes. */
export async function shiftLogFiles({ path, maxFiles }: LogFiles): Promise<void> {
  const last = maxFiles - 1;
  if (last === 0) return ignoring(rm(path));
  for (const ending of endings) await ignoring(rm(`${path}.${last}${ending}`));
  for (let n = last - 1; n >= 1; n--)
    // Not that many yet, perhaps, or the other one of the two.
    for (const ending of endings)
      await ignoring(rename(`${path}.${n}${ending}`, `${path}.${n + 1}${ending}`));
  await ignoring(rename(path, `${path}.1`));
}

/** Compresses the newest of those that are no longer written. One that cannot be compressed stays as it is. */
export async function compressRotated({ path }: Pick<LogFiles, "path">): Promise<void> {
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
