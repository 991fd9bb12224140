import { constants } from "node:os";
import type { Writable } from "node:stream";
import { hasCode } from "../errors.ts";
import { errnoText } from "./system-error.ts";

/** What a shell says of a program that SIGPIPE has ended. */
export const readerGone = 128 + constants.signals.SIGPIPE;

const guarded = new WeakSet<Writable>();

/**
 * Gives errors of this stream docker's words, and makes every one an error event: a file is written synchronously, and may throw.
 * When the reader is gone (`berth ps | head`) the process ends silently, as SIGPIPE ends docker.
 */
export function guardOutput<Stream extends Writable>(stream: Stream, name: "stdout" | "stderr"): Stream {
  if (guarded.has(stream)) return stream;
  guarded.add(stream);
  const write = stream._write;
  stream._write = function (chunk, encoding, done) {
    const named = (error?: Error | null) => done(error && rename(error, name));
    try {
      write.call(this, chunk, encoding, named);
    } catch (error) {
      named(error as Error);
    }
  };
  stream.on("error", (error) => {
    if (hasCode(error, "EPIPE")) process.exit(readerGone);
  });
  return stream;
}

function rename(error: Error, name: string): Error {
  const text = errnoText(error);
  return text ? Object.assign(error, { message: `write /dev/${name}: ${text}` }) : error;
}

/** Resolves when all that was written has left this process, or its reader is gone. */
export function whenWritten(stream: Writable): Promise<void> {
  if (stream.writableLength === 0 || stream.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    stream.once("close", resolve);
    stream.write("", () => resolve());
  });
}
