import type { FileHandle } from "node:fs/promises";
import type { LogEntry } from "../../formats/log-entry.ts";
import {
  findLastLineEnd,
  followEntries,
  openLogFiles,
  readEntries,
  readEntriesBackwards,
} from "./json-file-reader.ts";
import { compileSelection, isPast, type LogSelection, type LogSource } from "./source.ts";

/** What the supervisor writes as json-file, with its rotated files. */
export function openJsonFile(path: string): LogSource {
  return {
    async *read(selection) {
      const files = await openLogFiles(path);
      try {
        yield* readFiles(files, selection);
      } finally {
        await Promise.all(files.map((file) => file.close()));
      }
    },
    async *follow(selection, ended) {
      const files = await openLogFiles(path);
      const last = files.at(-1);
      let reached: Reached | undefined;
      try {
        reached = yield* readFiles(files, selection);
      } finally {
        // The last is read on.
        const readsOn = reached?.isPast === false;
        await Promise.all(files.map((file) => (file === last && readsOn ? undefined : file.close())));
      }
      if (reached.isPast) return;
      const isWanted = compileSelection(selection);
      for await (const entries of followEntries(path, last, reached.position, ended)) {
        yield entries.filter(isWanted);
        if (entries.some((entry) => isPast(entry, selection))) return;
      }
    },
  };
}

interface Reached {
  /** In the last file. */
  position: number;
  /** All that comes is later than what is wanted. */
  isPast: boolean;
}

async function* readFiles(files: FileHandle[], selection: LogSelection): AsyncGenerator<LogEntry[], Reached> {
  const isWanted = compileSelection(selection);
  if (selection.tail !== undefined) {
    const last = files.at(-1);
    const position = last ? await findLastLineEnd(last) : 0;
    const { found, newest } = await readTail(files, position, selection.tail, isWanted);
    yield found.reverse();
    return { position, isPast: newest !== undefined && isPast(newest, selection) };
  }
  const reached: Reached = { position: 0, isPast: false };
  for (const file of files) {
    const blocks = readEntries(file, 0);
    for (let step = await blocks.next(); ; step = await blocks.next()) {
      if (step.done) {
        reached.position = step.value;
        break;
      }
      yield step.value.filter(isWanted);
      reached.isPast ||= step.value.some((entry) => isPast(entry, selection));
    }
  }
  return reached;
}

/**
 * The last ones that are wanted, newest first, and the newest of all.
 * @param position in the last file, where what follows is read on
 */
async function readTail(
  files: FileHandle[],
  position: number,
  count: number,
  isWanted: (entry: LogEntry) => boolean,
): Promise<{ found: LogEntry[]; newest: LogEntry | undefined }> {
  const found: LogEntry[] = [];
  let newest: LogEntry | undefined;
  const last = files.at(-1);
  for (const file of count === 0 ? [] : files.toReversed()) {
    const end = file === last ? position : await findLastLineEnd(file);
    for await (const entry of readEntriesBackwards(file, end)) {
      newest ??= entry;
      if (isWanted(entry)) found.push(entry);
      if (found.length === count) return { found, newest };
    }
  }
  return { found, newest };
}
