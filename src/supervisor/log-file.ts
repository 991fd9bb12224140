import { close, closeSync, fstatSync, open as openFile, openSync, readSync, write } from "node:fs";
import { rename } from "node:fs/promises";
import { promisify } from "node:util";
import { encodeLogEntry, encodeLogLines, type LogEntry, maxLineBytes } from "../formats/log-entry.ts";
import { timestamp } from "../formats/timestamp.ts";
import type { LogOptions } from "./protocol.ts";

const open = promisify(openFile);
const pauseAboveBytes = 1 << 20;
const lineFeed = 0x0a;

/**
 * A container's log in Docker's json-file format, rotated: `path`, `path.1`, … `path.<maxFiles-1>`.
 * Writes are asynchronous and one at a time; what comes meanwhile is gathered and written at once.
 */
export class LogFile {
  readonly #options: LogOptions;
  readonly #partial: Record<LogEntry["stream"], Buffer[]> = { stdout: [], stderr: [] };
  #fd: number;
  #sizeBytes: number;
  /** The file ends in the middle of an entry, which a killed supervisor or a full disk has cut off: the next begins a line of its own. */
  #isCut: boolean;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #writing = false;
  #closed = false;
  #onIdle: (() => void)[] = [];

  constructor(options: LogOptions) {
    this.#options = options;
    this.#fd = openSync(options.path, "a+", 0o640);
    this.#sizeBytes = fstatSync(this.#fd).size;
    this.#isCut = this.#sizeBytes > 0 && lastByte(this.#fd, this.#sizeBytes) !== lineFeed;
  }

  /** @returns false when the writer should pause until `whenWritten` */
  append(stream: LogEntry["stream"], chunk: Buffer): boolean {
    // In a piece of that size every whole line is short enough for one entry.
    for (let start = 0; start < chunk.length; start += maxLineBytes)
      this.#take(stream, chunk.subarray(start, start + maxLineBytes));
    this.#flush();
    return this.#pendingBytes < pauseAboveBytes;
  }

  #take(stream: LogEntry["stream"], piece: Buffer): void {
    const start = piece.indexOf(lineFeed) + 1;
    const end = piece.lastIndexOf(lineFeed) + 1;
    if (start > 0) {
      this.#addToLine(stream, piece.subarray(0, start));
      this.#endLine(stream);
    }
    if (end > start) this.#push(encodeLogLines(piece.toString("utf8", start, end), stream, timestamp()));
    if (end < piece.length) this.#addToLine(stream, piece.subarray(end));
  }

  /** Resolves when all that was appended is in the file. */
  whenWritten(): Promise<void> {
    return new Promise((resolve) => {
      if (!this.#writing && this.#pending.length === 0) resolve();
      else this.#onIdle.push(resolve);
    });
  }

  /** Writes what is left, also of unfinished lines, and closes. */
  async end(): Promise<void> {
    this.#endLine("stdout");
    this.#endLine("stderr");
    this.#flush();
    await this.whenWritten();
    this.#closed = true;
    closeSync(this.#fd);
  }

  #addToLine(stream: LogEntry["stream"], bytes: Buffer): void {
    const line = this.#partial[stream];
    let room = maxLineBytes - line.reduce((sum, part) => sum + part.length, 0);
    let rest = bytes;
    while (rest.length > room) {
      line.push(rest.subarray(0, room));
      rest = rest.subarray(room);
      this.#endLine(stream);
      room = maxLineBytes;
    }
    line.push(rest);
  }

  #endLine(stream: LogEntry["stream"]): void {
    const line = this.#partial[stream];
    if (line.length === 0) return;
    const text = (line.length === 1 ? line[0]! : Buffer.concat(line)).toString();
    line.length = 0;
    this.#push(encodeLogEntry(text, stream, timestamp()));
  }

  #push(entries: string): void {
    const bytes = Buffer.from(entries);
    if (bytes.length > this.#options.maxSizeBytes && entries.indexOf("\n") < entries.length - 1) {
      for (const entry of entries.split(/(?<=\n)/)) this.#push(entry);
      return;
    }
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
  }

  #flush(): void {
    if (this.#writing || this.#pending.length === 0 || this.#closed) return;
    this.#writing = true;
    const next = this.#pending[0]?.length ?? 0;
    const isFull = this.#sizeBytes > 0 && this.#sizeBytes + next > this.#options.maxSizeBytes;
    if (!isFull) this.#write(this.#takeFitting(), 0);
    else void this.#rotate().then(() => this.#write(this.#takeFitting(), 0));
  }

  /** As many entries as the file has room for, one at least. */
  #takeFitting(): Buffer {
    let room = this.#options.maxSizeBytes - this.#sizeBytes;
    const end = this.#pending.findIndex((entries, index) => {
      room -= entries.length;
      return index > 0 && room < 0;
    });
    const fitting = this.#pending.splice(0, end < 0 ? this.#pending.length : end);
    return Buffer.concat(this.#isCut ? [Buffer.of(lineFeed), ...fitting] : fitting);
  }

  #write(bytes: Buffer, from: number): void {
    write(this.#fd, bytes, from, (error, written) => {
      if (!error && from + written < bytes.length) return this.#write(bytes, from + written);
      // On a full disk the lines are dropped: a container must not stop because its log cannot grow.
      this.#sizeBytes += error ? from : bytes.length;
      this.#isCut = error ? this.#isCut || from > 0 : false;
      this.#writing = false;
      this.#pendingBytes = this.#pending.reduce((sum, entry) => sum + entry.length, 0);
      if (this.#pending.length > 0) return this.#flush();
      for (const resolve of this.#onIdle.splice(0)) resolve();
    });
  }

  /** Not on this thread: to free the blocks of the oldest file takes the kernel a while. */
  async #rotate(): Promise<void> {
    const { path, maxFiles } = this.#options;
    const name = (n: number) => (n === 0 ? path : `${path}.${n}`);
    for (let n = maxFiles - 2; n >= 0; n--) {
      // Not that many yet.
      await rename(name(n), name(n + 1)).catch(() => {});
    }
    try {
      const fresh = await open(path, maxFiles > 1 ? "a" : "w", 0o640);
      const full = this.#fd;
      this.#fd = fresh;
      this.#sizeBytes = 0;
      this.#isCut = false;
      close(full, () => {});
    } catch {
      // Out of descriptors, perhaps: the full file grows on until the next attempt.
    }
  }
}

function lastByte(fd: number, sizeBytes: number): number | undefined {
  const byte = Buffer.alloc(1);
  return readSync(fd, byte, 0, 1, sizeBytes - 1) === 1 ? byte[0] : undefined;
}
