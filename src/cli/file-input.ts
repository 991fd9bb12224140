import { createReadStream, statSync } from "node:fs";
import type { Readable } from "node:stream";
import { hasCode } from "../errors.ts";

/** A file for reading. @throws Error in Docker's words when it is not there */
export function openInput(file: string): Readable {
  try {
    if (statSync(file).isDirectory()) throw new Error(`read ${file}: is a directory`);
  } catch (error) {
    if (hasCode(error, "ENOENT")) throw new Error(`open ${file}: no such file or directory`);
    throw error;
  }
  // A large buffer: an image is hundreds of megabytes.
  return createReadStream(file, { highWaterMark: 1 << 20 });
}
