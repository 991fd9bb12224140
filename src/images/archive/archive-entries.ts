import type { Readable } from "node:stream";
import { invalid } from "../../errors.ts";
import { blockBytes } from "../../formats/tar/tar-entry.ts";
import { decodeHeader } from "../../formats/tar/tar-header.ts";
import { createTarReader, type TarEvent } from "../../formats/tar/tar-reader.ts";
import { decompress } from "../../trees/decompress.ts";

/** It is read on the daemon's own thread, where a megabyte of records would take too long. */
const longestExtensionBytes = 64 * 1024;

/** The events of an archive, compressed or not, as its bytes arrive. @throws invalid for damage and truncation */
export async function* readArchiveEvents(input: Readable): AsyncGenerator<TarEvent, void> {
  const { output } = await decompress(input);
  const reader = createTarReader(longestExtensionBytes);
  try {
    for await (const chunk of output as AsyncIterable<Buffer>) yield* reader.push(chunk);
    reader.finish();
  } finally {
    output.destroy();
  }
}

/** The data of the entry that came last, up to its end. */
export async function* readEntryData(events: AsyncGenerator<TarEvent, void>): AsyncGenerator<Buffer, void> {
  for (;;) {
    const next = await events.next();
    if (next.done || next.value.kind === "entry" || next.value.kind === "end") return;
    if (next.value.kind === "hole") throw invalid("invalid archive: a sparse file is not expected here");
    yield next.value.data;
  }
}

/** Whether data begins as an archive does that is not compressed. @returns the data as well, from its beginning */
export async function beginsPlainArchive(
  data: AsyncGenerator<Buffer, void>,
): Promise<{ isIt: boolean; all: AsyncGenerator<Buffer, void> }> {
  let start = Buffer.alloc(0);
  while (start.length < blockBytes) {
    const { done, value } = await data.next();
    if (done) break;
    start = Buffer.concat([start, value]);
  }
  async function* all() {
    yield start;
    yield* data;
  }
  return { isIt: isHeader(start.subarray(0, blockBytes)), all: all() };
}

function isHeader(block: Buffer): boolean {
  if (block.length < blockBytes) return false;
  try {
    return decodeHeader(block) !== undefined;
  } catch {
    return false;
  }
}
