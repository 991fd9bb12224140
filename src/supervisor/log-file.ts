import { close, closeSync, fstatSync, openSync, renameSync, write } from "node:fs";
import { encodeLogEntry, type LogEntry, maxLineBytes } from "../formats/log-entry.ts";
import { timestamp } from "../formats/timestamp.ts";
import type { LogOptions } from "./protocol.ts";

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
  #pending: string[] = [];
  #pendingBytes = 0;
  #writing = false;
  #closed = false;
  #onIdle: (() => void)[] = [];

  constructor(options: LogOptions) {
    this.#options = options;
    this.#fd = openSync(options.path, "a", 0o640);
    this.#sizeBytes = fstatSync(this.#fd).size;
  }

  /** @returns false when the writer should pause until `whenWritten` */
  append(stream: LogEntry["stream"], chunk: Buffer): boolean {
    let start = 0;
    for (let end = chunk.indexOf(lineFeed); end >= 0; end = chunk.indexOf(lineFeed, start)) {
      this.#addToLine(stream, chunk.subarray(start, end + 1));
      this.#endLine(stream);
      start = end + 1;
    }
    if (start < chunk.length) this.#addToLine(stream, chunk.subarray(start));
    this.#flush();
    return this.#pendingBytes < pauseAboveBytes;
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
    const entry = encodeLogEntry(text, stream, timestamp());
    this.#pending.push(entry);
    this.#pendingBytes += entry.length;
  }

  #flush(): void {
    if (this.#writing || this.#pending.length === 0 || this.#closed) return;
    this.#writing = true;
    const bytes = Buffer.from(this.#pending.join(""));
    this.#pending = [];
    if (this.#sizeBytes > 0 && this.#sizeBytes + bytes.length > this.#options.maxSizeBytes) this.#rotate();
    this.#write(bytes, 0);
  }

  #write(bytes: Buffer, from: number): void {
    write(this.#fd, bytes, from, (error, written) => {
      if (!error && from + written < bytes.length) return this.#write(bytes, from + written);
      // On a full disk the lines are dropped: a container must not stop because its log cannot grow.
      this.#sizeBytes += error ? 0 : bytes.length;
      this.#writing = false;
      this.#pendingBytes = this.#pending.reduce((sum, entry) => sum + entry.length, 0);
      if (this.#pending.length > 0) return this.#flush();
      for (const resolve of this.#onIdle.splice(0)) resolve();
    });
  }

  #rotate(): void {
    const { path, maxFiles } = this.#options;
    const name = (n: number) => (n === 0 ? path : `${path}.${n}`);
    for (let n = maxFiles - 2; n >= 0; n--) {
      try {
        renameSync(name(n), name(n + 1));
      } catch {
        // Not that many yet.
      }
    }
    const full = this.#fd;
    this.#fd = openSync(path, maxFiles > 1 ? "a" : "w", 0o640);
    this.#sizeBytes = 0;
    close(full, () => {});
  }
}
