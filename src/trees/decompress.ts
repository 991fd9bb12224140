import { spawn } from "node:child_process";
import { once } from "node:events";
import { open } from "node:fs/promises";
import { PassThrough, pipeline, Readable, type Transform } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { hasCode, internal, invalid } from "../errors.ts";
import { type Compression, detectCompression, magicBytes } from "../formats/compression.ts";

const chunkBytes = 256 * 1024;

/**
 * Detects how `input` is compressed, and gives the plain bytes. When one of the two streams fails or is destroyed, so is
 * the other.
 */
export async function decompress(input: Readable): Promise<{ compression: Compression; output: Readable }> {
  const { compression, open } = await detect(input);
  return { compression, output: open() };
}

/** As `decompress`, for callers that have to wait in between: until `open` is called, nothing is begun that would have to be ended. */
export async function detect(input: Readable): Promise<{ compression: Compression; open(): Readable }> {
  // Readers of the output get the error; until there is one, and between readers, something must listen for it.
  input.on("error", () => {});
  const start = await peek(input);
  if (start.length < magicBytes) return { compression: "none", open: () => Readable.from([start]) };
  const compression = detectCompression(start);
  return { compression, open: () => openAs(input, compression) };
}

function openAs(input: Readable, compression: Compression): Readable {
  switch (compression) {
    case "none":
      return input;
    case "gzip":
      return join(input, createGunzip({ chunkSize: chunkBytes }), compression);
    case "zstd":
      return join(input, createZstdDecompress({ chunkSize: chunkBytes }), compression);
    default:
      return throughProgram(input, compression);
  }
}

/** How a file is compressed. */
export async function compressionOf(path: string): Promise<Compression> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(magicBytes), 0, magicBytes, 0);
    return detectCompression(buffer.subarray(0, bytesRead));
  } finally {
    await file.close();
  }
}

/** The first bytes of the stream, which stay in it; when they are fewer than asked for, they are all there is. */
async function peek(input: Readable): Promise<Buffer> {
  let start = Buffer.alloc(0);
  while (start.length < magicBytes) {
    const chunk: Buffer | null = input.read();
    if (chunk) {
      start = Buffer.concat([start, chunk]);
      continue;
    }
    if (input.errored) throw input.errored;
    if (input.readableEnded || input.destroyed) break;
    await nextReadable(input);
    if (input.readableLength === 0) break;
  }
  if (start.length >= magicBytes) input.unshift(start);
  return start;
}

async function nextReadable(input: Readable): Promise<void> {
  const stop = new AbortController();
  try {
    // At the end of the stream "readable" comes too, with nothing to read; a failure rejects both.
    await Promise.race(
      ["readable", "end", "close"].map((event) => once(input, event, { signal: stop.signal })),
    );
  } finally {
    stop.abort();
  }
}

function join(input: Readable, transform: Transform, compression: Compression): Readable {
  pipeline(input, transform, () => {
    // Errors come out at the other end.
  });
  const output = Readable.from(describeDamage(transform, compression), { highWaterMark: 4 });
  // A generator that was never asked for anything does not clean up.
  output.once("close", () => transform.destroy());
  return output;
}

async function* describeDamage(
  stream: AsyncIterable<Buffer>,
  compression: Compression,
): AsyncGenerator<Buffer> {
  try {
    yield* stream;
  } catch (error) {
    const isDamage = error instanceof Error && "code" in error && /^(?:Z|ZSTD)_/.test(String(error.code));
    throw isDamage ? invalid(`invalid ${compression} data: ${error.message}`, error) : error;
  }
}

function throughProgram(input: Readable, program: "xz" | "bzip2"): Readable {
  // What its header asks for is taken as it comes else: gigabytes.
  const limits = program === "xz" ? ["--memlimit-decompress=512MiB"] : [];
  const child = spawn(program, ["-d", "-c", "-q", ...limits], { stdio: ["pipe", "pipe", "pipe"] });
  const output = new PassThrough({ highWaterMark: 4 * chunkBytes });
  // As with the input, something must listen until there is a reader.
  output.on("error", () => {});
  let complaint = "";
  // First: without a descriptor left it has no streams, and this comes all the same.
  child.on("error", (error) => {
    output.destroy(
      hasCode(error, "ENOENT")
        ? internal(
            `this archive is compressed with ${program}, which is not installed on this machine`,
            error,
          )
        : error,
    );
  });
  if (child.pid === undefined) return output;
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaint = (complaint + text).slice(-500);
  });
  child.on("close", (code, signal) => {
    if (code === 0) output.end();
    else if (code !== null || signal) {
      output.destroy(
        invalid(`invalid ${program} data: ${complaint.trim() || (signal ?? `exit status ${code}`)}`),
      );
    }
  });
  output.on("close", () => child.kill("SIGKILL"));
  pipeline(input, child.stdin, (error) => {
    // It stopped reading: its exit status says why.
    if (error && !hasCode(error, "EPIPE")) output.destroy(error);
  });
  child.stdout.pipe(output, { end: false });
  return output;
}
