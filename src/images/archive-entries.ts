import type { Readable } from "node:stream";
import { invalid } from "../errors.ts";
import { createTarReader, type TarEvent } from "../formats/tar-reader.ts";
import { decompress } from "./decompress.ts";

/** The events of an archive, compressed or not, as its bytes arrive. @throws invalid for damage and truncation */
export async function* readArchiveEvents(input: Readable): AsyncGenerator<TarEvent, void> {
  const { output } = await decompress(input);
  const reader = createTarReader();
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
