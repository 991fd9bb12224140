import { createReadStream, statSync } from "node:fs";
import type { Readable } from "node:stream";
import { hasCode } from "../errors.ts";
import type { Cli } from "./cli.ts";
import { showTransfer } from "./transfer.ts";

/** A file for reading. @throws Error in Docker's words when it is not there */
export function openInput(cli: Cli, file: string): Readable {
  let sizeBytes: number;
  try {
    const stat = statSync(file);
    sizeBytes = stat.size;
    if (stat.isDirectory()) throw new Error(`read ${file}: is a directory`);
  } catch (error) {
    if (hasCode(error, "ENOENT")) throw new Error(`open ${file}: no such file or directory`);
    throw error;
  }
  // A large buffer: an image is hundreds of megabytes.
  return showTransfer(cli, createReadStream(file, { highWaterMark: 1 << 20 }), "Reading", sizeBytes);
}
