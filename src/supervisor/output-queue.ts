import { closeSync, openSync, readSync, unlinkSync, writeSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import { messageOf } from "../errors.ts";
import { encodeFrame, measureFrames, streams } from "../formats/stdcopy.ts";
import { punchHole } from "../sys/punch-hole.ts";

const inMemoryBytes = 1 << 20;
const readBackBytes = 256 * 1024;
/** What has been read back is given back in pieces of this size at least. */
const givenBackBytes = 4 << 20;

let spoolCount = 0;

/**
 * Output on its way to one attached client. A client that reads slowly holds up neither the process nor other clients:
 * beyond 1 MiB what it has yet to read, and no more, is kept in an unlinked file, and beyond 1 GiB it gets an error and is disconnected.
 */
export class OutputQueue {
  readonly #socket: Socket;
  readonly #folder: string;
  readonly #framed: boolean;
  readonly #maxBehindBytes: number;
  #spoolFd: number | undefined;
  #readAt = 0;
  #givenBackTo = 0;
  #writeAt = 0;
  #ending = false;

  /** @param folder where the file is made, when one is needed */
  constructor(socket: Socket, folder: string, framed: boolean, maxBehindBytes = 1 << 30) {
    this.#socket = socket;
    this.#folder = folder;
    this.#framed = framed;
    this.#maxBehindBytes = maxBehindBytes;
    socket.on("drain", () => this.#readBack());
    socket.on("close", () => this.#closeSpool());
  }

  push(chunk: Uint8Array): void {
    if (this.#socket.destroyed || this.#ending) return;
    if (this.#spoolFd === undefined && this.#socket.writableLength + chunk.length <= inMemoryBytes) {
      this.#socket.write(chunk);
    } else {
      this.#spool(chunk);
    }
  }

  /** Ends the connection's output once the client has been given everything. */
  end(): void {
    this.#ending = true;
    if (this.#spoolFd === undefined) this.#socket.end();
  }

  #spool(chunk: Uint8Array): void {
    if (this.#writeAt - this.#readAt + chunk.length > this.#maxBehindBytes) {
      this.#giveUp("it fell 1 GiB behind the container's output");
      return;
    }
    try {
      this.#spoolFd ??= openUnlinked(this.#folder);
      for (let done = 0; done < chunk.length; ) {
        done += writeSync(this.#spoolFd, chunk, done, chunk.length - done, this.#writeAt + done);
      }
      this.#writeAt += chunk.length;
    } catch (error) {
      this.#giveUp(`its output could not be kept (${messageOf(error)})`);
    }
  }

  #readBack(): void {
    while (this.#spoolFd !== undefined && this.#readAt < this.#writeAt) {
      let part: Buffer;
      try {
        part = this.#nextPart(this.#spoolFd);
      } catch (error) {
        this.#giveUp(`its output could not be read back (${messageOf(error)})`);
        return;
      }
      this.#readAt += part.length;
      this.#giveBack(this.#spoolFd);
      if (!this.#socket.write(part)) return;
    }
    this.#closeSpool();
    if (this.#ending) this.#socket.end();
  }

  /** A client that never quite catches up would have the file grow for as long as it is attached. */
  #giveBack(spool: number): void {
    const length = this.#readAt - this.#givenBackTo;
    if (length < givenBackBytes) return;
    punchHole(spool, this.#givenBackTo, length);
    this.#givenBackTo = this.#readAt;
  }

  /** Whole frames only: in the middle of one there would be no place for a word to the client. */
  #nextPart(spool: number): Buffer {
    const part = this.#readSpool(spool, Math.min(readBackBytes, this.#writeAt - this.#readAt));
    if (!this.#framed) return part;
    const { wholeBytes, firstBytes } = measureFrames(part);
    return wholeBytes > 0 ? part.subarray(0, wholeBytes) : this.#readSpool(spool, firstBytes);
  }

  #readSpool(spool: number, length: number): Buffer {
    const part = Buffer.allocUnsafe(length);
    if (readSync(spool, part, 0, length, this.#readAt) < length) throw new Error("the file is cut off");
    return part;
  }

  /** Nothing of a frame may be on its way without the rest of it. */
  #giveUp(reason: string): void {
    if (this.#socket.writableEnded) return;
    const text = `attach: this client was disconnected: ${reason}\n`;
    this.#socket.end(this.#framed ? encodeFrame(streams.systemError, Buffer.from(text)) : text);
    this.#ending = true;
    this.#closeSpool();
  }

  #closeSpool(): void {
    if (this.#spoolFd === undefined) return;
    closeSync(this.#spoolFd);
    this.#spoolFd = undefined;
    this.#readAt = 0;
    this.#givenBackTo = 0;
    this.#writeAt = 0;
  }
}

function openUnlinked(folder: string): number {
  const path = join(folder, `spool-${process.pid}-${spoolCount++}`);
  const fd = openSync(path, "wx+", 0o600);
  unlinkSync(path);
  return fd;
}
