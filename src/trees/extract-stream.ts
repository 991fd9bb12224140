import { readSync } from "node:fs";
import type { TarEntry } from "../formats/tar/tar-entry.ts";
import { createTarReader, type TarEvent } from "../formats/tar/tar-reader.ts";
import { createExtraction, type ExtractOptions } from "./extract.ts";

const chunkBytes = 256 * 1024;

/**
 * Extracts the plain tar that comes out of `inputFd`. Blocks its thread.
 * @param translate what is made instead of an entry: the same with another owner
 * @throws EngineError invalid for what is no archive, or leads outside
 */
export function extractStream(
  inputFd: number,
  options: ExtractOptions,
  translate?: (entry: TarEntry) => TarEntry,
): void {
  const extraction = createExtraction(options);
  const reader = createTarReader();
  const buffer = Buffer.allocUnsafe(chunkBytes);
  try {
    for (let count = -1; count !== 0; ) {
      count = readSync(inputFd, buffer, 0, buffer.length, null);
      for (const event of reader.push(Buffer.from(buffer.subarray(0, count))))
        extraction.take(translated(event, translate));
    }
    reader.finish();
    extraction.finish();
  } finally {
    extraction.close();
  }
}

function translated(event: TarEvent, translate: ((entry: TarEntry) => TarEntry) | undefined): TarEvent {
  return translate && event.kind === "entry" ? { ...event, entry: translate(event.entry) } : event;
}
