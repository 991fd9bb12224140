import type { LogEntry } from "../../formats/log-entry.ts";
import {
  findLastLineEnd,
  findTime,
  followEntries,
  readEntries,
  readEntriesBackwards,
} from "./json-file-reader.ts";
import { type LogPart, openLogParts } from "./log-parts.ts";
import { compileSelection, isBefore, isPast, type LogSelection, type LogSource } from "./source.ts";

/** What the supervisor writes as json-file, with its rotated files. */
export function openJsonFile(path: string): LogSource {
  return {
    async *read(selection) {
      const parts = await openLogParts(path);
      try {
        yield* readParts(parts, selection);
      } finally {
        await Promise.all(parts.map((part) => part.close()));
      }
    },
    async *follow(selection, ended) {
      const parts = await openLogParts(path);
      const last = parts.at(-1);
      let reached: Reached | undefined;
      try {
        reached = yield* readParts(parts, selection);
      } finally {
        // The last is read on.
        const readsOn = reached?.isPast === false;
        await Promise.all(parts.map((part) => (part === last && readsOn ? undefined : part.close())));
      }
      if (reached.isPast) return;
      const isWanted = compileSelection(selection);
      try {
        for await (const entries of followEntries(path, last, reached.position, ended)) {
          yield entries.filter(isWanted);
          if (entries.some((entry) => isPast(entry, selection))) return;
        }
      } finally {
        // One that is left to the garbage collector ends the process. Of a compressed part there are two files.
        await last?.close();
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

async function* readParts(parts: LogPart[], selection: LogSelection): AsyncGenerator<LogEntry[], Reached> {
  const isWanted = compileSelection(selection);
  const last = await parts.at(-1)?.plain();
  if (selection.tail !== undefined) {
    const position = last ? await findLastLineEnd(last) : 0;
    const { found, newest } = await readTail(parts, position, selection, isWanted);
    yield found.reverse();
    return { position, isPast: newest !== undefined && isPast(newest, selection) };
  }
  const reached: Reached = { position: 0, isPast: false };
  for (const part of parts) {
    const file = await part.plain();
    reached.position = selection.since === undefined ? 0 : await findTime(file, selection.since);
    const blocks = readEntries(file, reached.position);
    for (let step = await blocks.next(); ; step = await blocks.next()) {
      if (step.done) {
        reached.position = step.value;
        break;
      }
      yield step.value.filter(isWanted);
      reached.isPast ||= step.value.some((entry) => isPast(entry, selection));
      if (reached.isPast) return reached;
    }
  }
  return reached;
}

/**
 * The last ones that are wanted, newest first, and the newest of all.
 * @param position in the last part, where what follows is read on
 */
async function readTail(
  parts: LogPart[],
  position: number,
  selection: LogSelection,
  isWanted: (entry: LogEntry) => boolean,
): Promise<{ found: LogEntry[]; newest: LogEntry | undefined }> {
  const found: LogEntry[] = [];
  let newest: LogEntry | undefined;
  const last = parts.at(-1);
  for (const part of selection.tail === 0 ? [] : parts.toReversed()) {
    const file = await part.plain();
    const end = part === last ? position : await findLastLineEnd(file);
    for await (const entry of readEntriesBackwards(file, end)) {
      newest ??= entry;
      if (isWanted(entry)) found.push(entry);
      if (found.length === selection.tail || isBefore(entry, selection)) return { found, newest };
    }
  }
  return { found, newest };
}
