import type { FileHandle } from "node:fs/promises";
import { decodeLogEntry, type LogEntry } from "../../formats/log-entry.ts";
import { isReplaced, type LogPart, openPartAfter, openPartOf } from "../logs/log-parts.ts";

/** A place in a log that its files' new names and their compression do not change. */
export interface LogPlace {
  /** Of the file: says how it begins. "" for the oldest there is. */
  head: string;
  /** In the file as it was written. */
  offset: number;
}

export const beginning: LogPlace = { head: "", offset: 0 };

/** Reads a log from a place on, file after file. */
export interface Cursor {
  /** Some of the next lines, and the place after them; undefined where there are none so far. */
  next(): Promise<{ entries: LogEntry[]; place: LogPlace } | undefined>;
  close(): Promise<void>;
}

const blockBytes = 64 * 1024;
/** Longer a line cannot be: its text, its attributes and their escapes. */
const longestBlockBytes = 16 << 20;
const lineFeed = 0x0a;

interface Current {
  part: LogPart;
  place: LogPlace;
}

export function createCursor(path: string, from: LogPlace): Cursor {
  let current: Current | undefined;

  async function openAt({ head, offset }: LogPlace): Promise<Current | undefined> {
    const { part, isFound } = await openPartOf(path, head);
    if (!part) return undefined;
    return { part, place: isFound ? { head: await part.head(), offset } : beginning };
  }

  async function read({ part, place }: Current) {
    const block = await readBlock(await part.plain(), place.offset);
    if (!block) return undefined;
    const next = { head: place.head || (await part.head()), offset: place.offset + block.bytes };
    current = { part, place: next };
    return { entries: block.entries, place: next };
  }

  return {
    async next() {
      current ??= await openAt(from);
      for (;;) {
        if (!current) return undefined;
        const block = await read(current);
        if (block) return block;
        if (!(await isReplaced(path, current.part))) return undefined;
        // What was written between our last look and the rotation.
        const rest = await read(current);
        if (rest) return rest;
        const part = await openPartAfter(path, current.part);
        if (!part) return undefined;
        await current.part.close();
        current = { part, place: beginning };
      }
    },
    close: async () => current?.part.close(),
  };
}

/** Whole lines only. */
async function readBlock(file: FileHandle, position: number) {
  for (let size = blockBytes; size <= longestBlockBytes; size *= 4) {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(size), 0, size, position);
    const bytes = buffer.subarray(0, bytesRead).lastIndexOf(lineFeed) + 1;
    if (bytes > 0) {
      const lines = buffer.toString("utf8", 0, bytes - 1).split("\n");
      return { bytes, entries: lines.map(decodeLogEntry).filter((entry) => entry !== undefined) };
    }
    if (bytesRead < size) return undefined;
  }
  return undefined;
}
