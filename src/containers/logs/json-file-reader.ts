import { statSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { decodeLogEntry, type LogEntry } from "../../formats/log-entry.ts";
import { parseTimestamp } from "../../formats/timestamp.ts";
import { isReplaced, type LogPart, openPart, openPartAfter } from "./log-parts.ts";
import { watchLog } from "./watch-log.ts";

const blockBytes = 64 * 1024;
const lineFeed = 0x0a;

/**
 * Entries of one file from `position` on, up to its present end, a block's at a time. Gives back where the last whole line ended.
 * @param end where to stop, which is an end of a line and may become known while it is read
 */
export async function* readEntries(
  file: FileHandle,
  position: number,
  end = () => Number.POSITIVE_INFINITY,
): AsyncGenerator<LogEntry[], number> {
  const block = Buffer.allocUnsafe(blockBytes);
  let rest = Buffer.alloc(0);
  let at = position;
  for (;;) {
    const from = at + rest.length;
    const length = Math.min(blockBytes, end() - from);
    if (length <= 0) return at;
    const { bytesRead } = await file.read(block, 0, length, from);
    if (bytesRead === 0) return at;
    const bytes =
      rest.length > 0 ? Buffer.concat([rest, block.subarray(0, bytesRead)]) : block.subarray(0, bytesRead);
    const start = bytes.lastIndexOf(lineFeed) + 1;
    const lines = start > 0 ? bytes.toString("utf8", 0, start - 1).split("\n") : [];
    yield lines.map(decodeLogEntry).filter((entry) => entry !== undefined);
    at += start;
    rest = Buffer.from(bytes.subarray(start));
  }
}

/** Where the last whole line ends: of one that is being written, a beginning may be there already. */
export async function findLastLineEnd(file: FileHandle): Promise<number> {
  const block = Buffer.allocUnsafe(blockBytes);
  for (let end = (await file.stat()).size; end > 0; end -= Math.min(blockBytes, end)) {
    const start = Math.max(0, end - blockBytes);
    const { bytesRead } = await file.read(block, 0, end - start, start);
    const lastEnd = block.lastIndexOf(lineFeed, bytesRead - 1) + 1;
    if (bytesRead > 0 && lastEnd > 0) return start + lastEnd;
  }
  return 0;
}

/**
 * Where a line begins that all entries from a time on come after: they stand in their order, so that half of what is left is passed
 * over with each look.
 * @param since milliseconds since the epoch, earlier than what is wanted by as much as an entry may be earlier than one before it
 */
export async function findTime(file: FileHandle, since: number): Promise<number> {
  let [low, high] = [0, (await file.stat()).size];
  const [first] = high > blockBytes ? await readFirst(file) : [];
  if (first && (parseTimestamp(first.time) ?? 0) >= since) return 0;
  while (high - low > blockBytes) {
    const middle = Math.floor((low + high) / 2);
    const line = await findLine(file, middle);
    const time = line && parseTimestamp(line.entry.time);
    if (line && time !== undefined && time < since && line.start < high) low = line.start;
    else high = middle;
  }
  return low;
}

async function readFirst(file: FileHandle): Promise<LogEntry[]> {
  for await (const entries of readEntries(file, 0)) return entries;
  return [];
}

/** The first whole line after a position. */
async function findLine(file: FileHandle, position: number) {
  const block = Buffer.allocUnsafe(blockBytes * 2);
  const { bytesRead } = await file.read(block, 0, block.length, position);
  const start = block.subarray(0, bytesRead).indexOf(lineFeed) + 1;
  const end = block.subarray(0, bytesRead).indexOf(lineFeed, start);
  const entry = start > 0 && end !== -1 ? decodeLogEntry(block.toString("utf8", start, end)) : undefined;
  return entry && { entry, start: position + start };
}

/** Entries of one file from `position` backwards, newest first, with the place where each begins; a block's at a time. */
export async function* readEntriesBackwards(
  file: FileHandle,
  position: number,
): AsyncGenerator<{ entry: LogEntry; start: number }[]> {
  let end = position;
  let tail = Buffer.alloc(0);
  while (end > 0) {
    const length = Math.min(blockBytes, end);
    const block = Buffer.allocUnsafe(length);
    await file.read(block, 0, length, end - length);
    end -= length;
    const bytes = Buffer.concat([block, tail]);
    const found: { entry: LogEntry; start: number }[] = [];
    const take = (start: number, stop: number) => {
      const entry = decodeLogEntry(bytes.toString("utf8", start, stop));
      if (entry) found.push({ entry, start: end + start });
    };
    let stop = bytes.length;
    for (let cut = bytes.lastIndexOf(lineFeed, stop - 1); cut >= 0 && stop > 0; ) {
      take(cut + 1, stop);
      stop = cut;
      cut = stop > 0 ? bytes.lastIndexOf(lineFeed, stop - 1) : -1;
    }
    tail = bytes.subarray(0, stop);
    if (end === 0) take(0, stop);
    yield found;
  }
}

/** Where a log ended: its last file, and how much of that there was. */
export interface LogEnd {
  ino: number;
  size: number;
}

/** Sees at once where it ends, since the next run may begin. Never rejects. */
export function markEnd(path: string, ended: Promise<unknown>): Promise<LogEnd | undefined> {
  return ended.catch(() => {}).then(() => statSync(path, { throwIfNoEntry: false }));
}

/**
 * Entries as they are written, across rotations. Ends when `ended` has been settled and all that was there by then is read: what comes
 * later is another run's. Takes over `part`, which it closes.
 * @param position where to begin in it
 */
export async function* followEntries(
  path: string,
  part: LogPart | undefined,
  position: number,
  ended: Promise<LogEnd | undefined>,
): AsyncGenerator<LogEntry[]> {
  let current = part;
  let at = position;
  let isEnded = false;
  let end: LogEnd | undefined;
  const alarm = createAlarm(path);
  void ended.then((place) => {
    isEnded = true;
    end = place;
    alarm.ring();
  });
  const endIn = ({ ino }: LogPart) => (end?.ino === ino ? end.size : Number.POSITIVE_INFINITY);
  const readOn = async (from: LogPart, position: number) =>
    readEntries(await from.plain(), position, () => endIn(from));
  try {
    for (;;) {
      const isLast = isEnded;
      const waiting = alarm.next();
      current ??= await openPart(path);
      if (current) at = yield* await readOn(current, at);
      if (isLast && current && current.ino === end?.ino) return;
      if (current && (await isReplaced(path, current))) {
        // What was written between our last read and the rotation.
        at = yield* await readOn(current, at);
        if (current.ino === end?.ino) return;
        const next = await openPartAfter(path, current);
        if (next) {
          await current.close();
          current = next;
          at = 0;
          continue;
        }
      }
      if (isLast) return;
      await waiting;
    }
  } finally {
    alarm.close();
    await current?.close();
  }
}

/** Wakes waiting readers when something happens to the log. */
function createAlarm(path: string) {
  let ring: () => void = () => {};
  const close = watchLog(path, () => ring());
  return {
    ring: () => ring(),
    next: () =>
      new Promise<void>((resolve) => {
        ring = resolve;
      }),
    close,
  };
}
