import type { Readable, Writable } from "node:stream";

const headerBytes = 8;

/**
 * Splits a multiplexed stream (Docker's stdcopy: stream number, three zero bytes, big-endian length, payload).
 * Keeps at most one header; payloads are passed on as they arrive.
 */
export function createDemultiplexer(write: (stream: "stdout" | "stderr", chunk: Buffer) => void) {
  let header = Buffer.alloc(0);
  let left = 0;
  let target: "stdout" | "stderr" = "stdout";
  let failure = "";
  let isFailure = false;
  return {
    /** @throws Error when the daemon reports an error inside the stream, or the bytes are no frames. */
    push(data: Buffer) {
      let rest = data;
      while (rest.length > 0) {
        if (left === 0) {
          const wanted = headerBytes - header.length;
          header = Buffer.concat([header, rest.subarray(0, wanted)]);
          rest = rest.subarray(wanted);
          if (header.length < headerBytes) return;
          const kind = header[0] ?? 0;
          if (kind > 3 || header[1] !== 0 || header[2] !== 0 || header[3] !== 0) {
            throw new Error(`Unrecognized input header: ${kind}`);
          }
          isFailure = kind === 3;
          target = kind === 2 ? "stderr" : "stdout";
          left = header.readUInt32BE(4);
          header = Buffer.alloc(0);
        }
        const payload = rest.subarray(0, left);
        left -= payload.length;
        rest = rest.subarray(payload.length);
        if (!isFailure) {
          if (payload.length > 0) write(target, payload);
          continue;
        }
        failure += payload.toString();
        if (left === 0) throw new Error(`error from daemon in stream: ${failure}`);
      }
    },
  };
}

/** Copies a log or attach stream to its two ends until it is over, waiting for slow writers. */
export async function copyOutput(
  source: Readable,
  isRaw: boolean,
  stdout: Writable,
  stderr: Writable,
): Promise<void> {
  let isBlocked: Writable | undefined;
  const write = (target: Writable, chunk: Buffer) => {
    if (!target.write(chunk)) isBlocked = target;
  };
  const frames = createDemultiplexer((stream, chunk) => write(stream === "stdout" ? stdout : stderr, chunk));
  for await (const chunk of source) {
    if (isRaw) write(stdout, chunk);
    else frames.push(chunk);
    if (isBlocked !== undefined) {
      const slow: Writable = isBlocked;
      isBlocked = undefined;
      await new Promise<void>((resolve) => {
        slow.once("drain", resolve);
        slow.once("close", resolve);
      });
    }
  }
}
