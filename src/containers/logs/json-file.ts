import type { LogEntry } from "../../formats/log-entry.ts";
import {
  findLastLineEnd,
  findTime,
  followEntries,
  markEnd,
  readEntries,
  readEntriesBackwards,
} from "./json-file-reader.ts";
import { type LogPart, openLogParts } from "./log-parts.ts";
import { endsBefore, seekableSince } from "./order.ts";
import { compileSelection, isPast, type LogSelection, type LogSource } from "./source.ts";

/** What the supervisor writes as json-file, with its rotated files. */
export function openJsonFile(path: string): LogSource {
  return {
    async *read(selection) {
      const parts = await openLogParts(path);
      try {
        yield* readParts(parts, selection, await seekableSince(path, selection.since));
      } finally {
        await Promise.all(parts.map((part) => part.close()));
      }
    },
    async *follow(selection, ended) {
      const end = markEnd(path, ended);
      const parts = await openLogParts(path);
      const last = parts.at(-1);
      let reached: Reached | undefined;
      try {
        reached = yield* readParts(parts, selection, await seekableSince(path, selection.since));
      } finally {
        // The last is read on.
        const readsOn = reached?.isPast === false;
        await Promise.all(parts.map((part) => (part === last && readsOn ? undefined : part.close())));
      }
      if (reached.isPast) return;
      const isWanted = compileSelection(selection);
      try {
        for await (const entries of followEntries(path, last, reached.position, end)) {
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

/** @param since as `seekableSince` gives it */
async function* readParts(
  parts: LogPart[],
  selection: LogSelection,
  since: number | undefined,
): AsyncGenerator<LogEntry[], Reached> {
  const isWanted = compileSelection(selection);
  const { tail } = selection;
  const from = tail === undefined ? undefined : await findTail(parts, tail, since, isWanted);
  const reached: Reached = { position: from?.end ?? 0, isPast: false };
  for (const part of from?.parts ?? parts) {
    const file = await part.plain();
    if (from) reached.position = part === from.parts[0] ? from.position : 0;
    else reached.position = since === undefined ? 0 : await findTime(file, since);
    // What is written meanwhile is a follower's: by then the container may be in another run.
    const end = part === parts.at(-1) ? (from?.end ?? (await findLastLineEnd(file))) : undefined;
    const blocks = readEntries(file, reached.position, () => end ?? Number.POSITIVE_INFINITY);
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

interface Tail {
  /** Those in which it is. */
  parts: LogPart[];
  /** Where it begins in the first of them. */
  position: number;
  /** Where the last whole line of the last part ends: what comes later is not counted. */
  end: number;
}

/** Where the last entries that are wanted begin. They may be many: none is kept. */
async function findTail(
  parts: LogPart[],
  count: number,
  since: number | undefined,
  isWanted: (entry: LogEntry) => boolean,
): Promise<Tail> {
  const last = parts.at(-1);
  const end = last ? await findLastLineEnd(await last.plain()) : 0;
  const tail: Tail = { parts: last ? [last] : [], position: end, end };
  let found = 0;
  for (let index = parts.length - 1; index >= 0 && count > 0; index--) {
    const file = await parts[index]!.plain();
    const blocks = readEntriesBackwards(file, index === parts.length - 1 ? end : await findLastLineEnd(file));
    for await (const block of blocks)
      for (const { entry, start } of block) {
        if (isWanted(entry)) {
          found++;
          Object.assign(tail, { parts: parts.slice(index), position: start });
        }
        if (found === count || endsBefore(entry, since)) return tail;
      }
  }
  return tail;
}
