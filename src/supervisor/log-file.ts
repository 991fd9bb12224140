import { close, closeSync, fstatSync, openSync, readSync, write } from "node:fs";
import { type LogEntry, maxLineBytes } from "../formats/log-entry.ts";
import { formatTimestamp } from "../formats/timestamp.ts";
import type { JsonFileLog } from "../supervisor-protocol/protocol.ts";
import { GatheredBytes } from "./gathered-bytes.ts";
import { LogClock } from "./log-clock.ts";
import { putLogEntries } from "./log-entries.ts";
import { compressSoon, rotateLogFiles, whenCompressed } from "./log-rotation.ts";

const pauseAboveBytes = 512 * 1024;
const quietMilliseconds = 1000;
const lineFeed = 0x0a;

/**
 * A container's log in Docker's json-file format, rotated: `path`, `path.1`, … `path.<maxFiles-1>`.
 * Writes are asynchronous and one at a time; what comes meanwhile is gathered and written at once.
 */
export class LogFile {
  readonly #options: Omit<JsonFileLog, "driver">;
  /** Beginnings of lines whose end has yet to come. */
  readonly #partial: Record<LogEntry["stream"], GatheredBytes> = {
    stdout: new GatheredBytes(),
    stderr: new GatheredBytes(),
  };
  readonly #clock: LogClock;
  #fd: number;
  #sizeBytes: number;
  /** The file ends in the middle of an entry, which a killed supervisor or a full disk has cut off: the next begins a line of its own. */
  #isCut: boolean;
  /** Entries: those to be written next, and those that are being written. */
  #gathered = new GatheredBytes();
  #written = new GatheredBytes();
  #writing = false;
  #closed = false;
  #quiet: NodeJS.Timeout | undefined;
  /** The beginning of the line has been dropped. */
  readonly #isSkipping = { stdout: false, stderr: false };
  #onIdle: (() => void)[] = [];

  constructor(options: Omit<JsonFileLog, "driver">) {
    this.#options = options;
    this.#fd = openSync(options.path, "a+", 0o640);
    const { size, mtimeMs } = fstatSync(this.#fd);
    this.#sizeBytes = size;
    this.#clock = new LogClock(options.path, size > 0 ? mtimeMs : undefined);
    this.#isCut = this.#sizeBytes > 0 && lastByte(this.#fd, this.#sizeBytes) !== lineFeed;
  }

  /**
   * @param chunk the caller's again afterwards
   * @returns false when the writer should pause until `whenWritten`
   */
  append(stream: LogEntry["stream"], chunk: Buffer): boolean {
    const { droppedAboveBytes: most } = this.#options;
    if (most === undefined) return this.#gather(stream, chunk);
    if (this.#gathered.length > 0 && this.#gathered.length + chunk.length > most) this.#drop(stream);
    else this.#gather(stream, this.#isSkipping[stream] ? this.#skip(stream, chunk) : chunk);
    return true;
  }

  #drop(stream: LogEntry["stream"]): void {
    this.#partial[stream].clear();
    this.#isSkipping[stream] = true;
  }

  /** The lines whose beginning is not lost. */
  #skip(stream: LogEntry["stream"], chunk: Buffer): Buffer {
    const end = chunk.indexOf(lineFeed);
    this.#isSkipping[stream] = end === -1;
    return chunk.subarray(end === -1 ? chunk.length : end + 1);
  }

  #gather(stream: LogEntry["stream"], chunk: Buffer): boolean {
    // In a piece of that size every whole line is short enough for one entry.
    for (let start = 0; start < chunk.length; start += maxLineBytes)
      this.#take(stream, chunk.subarray(start, start + maxLineBytes));
    this.#flush();
    return this.#gathered.length < pauseAboveBytes;
  }

  #take(stream: LogEntry["stream"], piece: Buffer): void {
    const start = piece.indexOf(lineFeed) + 1;
    const end = piece.lastIndexOf(lineFeed) + 1;
    if (start > 0) {
      this.#addToLine(stream, piece.subarray(0, start));
      this.#endLine(stream);
    }
    if (end > start) this.#put(stream, piece.subarray(start, end));
    if (end < piece.length) this.#addToLine(stream, piece.subarray(end));
  }

  /** Resolves when all that was appended is in the file. */
  whenWritten(): Promise<void> {
    return new Promise((resolve) => {
      if (!this.#writing && this.#gathered.length === 0) resolve();
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
    clearTimeout(this.#quiet);
    closeSync(this.#fd);
  }

  #addToLine(stream: LogEntry["stream"], bytes: Buffer): void {
    const line = this.#partial[stream];
    let start = 0;
    for (let room = maxLineBytes - line.length; bytes.length - start > room; room = maxLineBytes) {
      line.put(bytes, start, start + room);
      start += room;
      this.#endLine(stream);
    }
    line.put(bytes, start);
  }

  #endLine(stream: LogEntry["stream"]): void {
    const line = this.#partial[stream];
    if (line.length > 0) this.#put(stream, line.bytes);
    line.clear();
  }

  #put(stream: LogEntry["stream"], lines: Buffer): void {
    const { attributes } = this.#options;
    putLogEntries(lines, { stream, time: formatTimestamp(this.#clock.now()), attributes }, this.#gathered);
  }

  #flush(): void {
    if (this.#writing || this.#gathered.length === 0 || this.#closed) return;
    this.#writing = true;
    [this.#gathered, this.#written] = [this.#written, this.#gathered];
    void this.#writeAll(this.#written.bytes).then(() => {
      this.#written.clear();
      this.#writing = false;
      if (this.#gathered.length > 0) return this.#flush();
      this.#releaseWhenQuiet();
      for (const resolve of this.#onIdle.splice(0)) resolve();
    });
  }

  async #writeAll(entries: Buffer): Promise<void> {
    const { maxSizeBytes } = this.#options;
    for (let rest = entries; rest.length > 0; ) {
      const firstBytes = rest.indexOf(lineFeed) + 1;
      if (this.#sizeBytes > 0 && this.#sizeBytes + firstBytes > maxSizeBytes) await this.#rotate();
      // As many entries as there is room for, one at least.
      const room = maxSizeBytes - this.#sizeBytes;
      const fitting = rest.length <= room ? rest.length : rest.lastIndexOf(lineFeed, room - 1) + 1;
      const end = Math.max(fitting, firstBytes);
      await this.#write(rest.subarray(0, end));
      rest = rest.subarray(end);
    }
  }

  /** On a full disk the entries are dropped: a container must not stop because its log cannot grow. */
  async #write(entries: Buffer): Promise<void> {
    try {
      if (this.#isCut) await this.#writeBytes(Buffer.of(lineFeed));
      this.#isCut = false;
      for (let rest = entries; rest.length > 0; this.#isCut = rest.length > 0) {
        rest = rest.subarray(await this.#writeBytes(rest));
      }
    } catch {
      // No caller is left to report it to.
    }
  }

  /** @returns how many it was */
  #writeBytes(bytes: Buffer): Promise<number> {
    return new Promise((resolve, reject) => {
      write(this.#fd, bytes, (error, writtenBytes) => {
        if (error) return reject(error);
        this.#sizeBytes += writtenBytes;
        resolve(writtenBytes);
      });
    });
  }

  /** A container that wrote much once does not keep the memory for it. */
  #releaseWhenQuiet(): void {
    if (this.#quiet) return void this.#quiet.refresh();
    this.#quiet = setTimeout(() => {
      this.#quiet = undefined;
      const { stdout, stderr } = this.#partial;
      if (this.#writing) this.#releaseWhenQuiet();
      else for (const bytes of [this.#gathered, this.#written, stdout, stderr]) bytes.release();
    }, quietMilliseconds).unref();
  }

  /** Not on this thread: to free the blocks of the oldest file takes the kernel a while. */
  async #rotate(): Promise<void> {
    const { path, compress } = this.#options;
    await whenCompressed({ path });
    try {
      // A file of its own for each turn, also where only one is kept: who follows reads the old one to its end.
      const fresh = await rotateLogFiles(this.#options);
      const full = this.#fd;
      this.#fd = fresh;
      this.#sizeBytes = 0;
      this.#isCut = false;
      close(full, () => {});
      if (compress) compressSoon({ path });
    } catch {
      // Out of descriptors, perhaps: the full file grows on until the next attempt.
    }
  }
}

function lastByte(fd: number, sizeBytes: number): number | undefined {
  const byte = Buffer.alloc(1);
  return readSync(fd, byte, 0, 1, sizeBytes - 1) === 1 ? byte[0] : undefined;
}
