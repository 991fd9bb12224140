import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { decodeLogEntry, type LogEntry } from "../../formats/log-entry.ts";
import { type LogPart, openLogParts } from "../logs/log-parts.ts";

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
const headBytes = 256;
const lineFeed = 0x0a;

interface Current {
  part: LogPart;
  file: FileHandle;
  place: LogPlace;
}

export function createCursor(path: string, from: LogPlace): Cursor {
  let current: Current | undefined;
  let start = from;

  /** The file of the place that is to be read from, or the one after it. */
  async function open(isAfter: boolean): Promise<boolean> {
    const parts = await openLogParts(path);
    const files = await Promise.all(parts.map((part) => part.plain()));
    const heads = await Promise.all(files.map(readHead));
    const found = heads.indexOf(start.head);
    const at = start.head === "" || found === -1 ? 0 : found + (isAfter ? 1 : 0);
    const file = files[at];
    const part = parts[at];
    await Promise.all(parts.map((one, index) => (index === at ? undefined : one.close())));
    if (!file || !part) return false;
    await current?.part.close();
    const offset = found === at && !isAfter ? start.offset : 0;
    current = { part, file, place: { head: heads[at] ?? "", offset } };
    return true;
  }

  return {
    async next() {
      if (!current && !(await open(false))) return undefined;
      for (;;) {
        if (!current) return undefined;
        const block = await readBlock(current.file, current.place.offset);
        if (block) {
          const head = current.place.head || (await readHead(current.file));
          current.place = { head, offset: current.place.offset + block.bytes };
          return { entries: block.entries, place: current.place };
        }
        start = current.place;
        // Of one that has no line yet nothing can be said; it stays where it is.
        if (start.head === "" || !(await open(true))) return undefined;
      }
    },
    close: async () => current?.part.close(),
  };
}

async function readHead(file: FileHandle): Promise<string> {
  const { bytesRead, buffer } = await file.read(Buffer.alloc(headBytes), 0, headBytes, 0);
  const end = buffer.subarray(0, bytesRead).indexOf(lineFeed);
  if (end === -1 && bytesRead < headBytes) return "";
  return createHash("sha256")
    .update(buffer.subarray(0, end === -1 ? headBytes : end))
    .digest("base64url");
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
