/** Docker's multiplexed stream: frames of an 8-byte header (stream, 3 zero bytes, big-endian length) and payload. */
export const streams = { stdin: 0, stdout: 1, stderr: 2, systemError: 3 } as const;

const headerBytes = 8;

function encodeFrameHeader(stream: number, payloadBytes: number): Buffer {
  const header = Buffer.alloc(headerBytes);
  header[0] = stream;
  header.writeUInt32BE(payloadBytes, 4);
  return header;
}

export function encodeFrame(stream: number, payload: Uint8Array): Buffer {
  return Buffer.concat([encodeFrameHeader(stream, payload.length), payload]);
}

/** One frame for each text, in UTF-8, one after the other. */
export function encodeFrames(frames: readonly { stream: number; text: string }[]): Buffer {
  const lengths = frames.map(({ text }) => Buffer.byteLength(text));
  const bytes = Buffer.allocUnsafe(lengths.reduce((sum, length) => sum + headerBytes + length, 0));
  let at = 0;
  for (const [index, { stream, text }] of frames.entries()) {
    bytes.writeUInt32BE(stream << 24, at);
    at = bytes.writeUInt32BE(lengths[index] ?? 0, at + 4);
    at += bytes.write(text, at);
  }
  return bytes;
}

/** How many of the bytes are whole frames, and how long the first frame is. The bytes begin with a frame, and have its header. */
export function measureFrames(bytes: Buffer): { wholeBytes: number; firstBytes: number } {
  const endAfter = (start: number) => start + headerBytes + bytes.readUInt32BE(start + 4);
  let wholeBytes = 0;
  while (wholeBytes + headerBytes <= bytes.length && endAfter(wholeBytes) <= bytes.length)
    wholeBytes = endAfter(wholeBytes);
  return { wholeBytes, firstBytes: endAfter(0) };
}

/**
 * Takes frames apart, in whatever pieces they come. Keeps at most one header; payloads are passed on as they arrive.
 * @param write a chunk is part of what was pushed
 */
export function createFrameDecoder(write: (stream: "stdout" | "stderr", chunk: Buffer) => void) {
  let header = Buffer.alloc(0);
  let left = 0;
  let target: "stdout" | "stderr" = "stdout";
  let failure = "";
  let isFailure = false;
  return {
    /** @throws Error when the daemon reports an error inside the stream, or the bytes are no frames. */
    push(data: Buffer): void {
      let rest = data;
      while (rest.length > 0) {
        if (left === 0) {
          const wanted = headerBytes - header.length;
          header = Buffer.concat([header, rest.subarray(0, wanted)]);
          rest = rest.subarray(wanted);
          if (header.length < headerBytes) return;
          const kind = header[0] ?? 0;
          if (kind > streams.systemError || header[1] !== 0 || header[2] !== 0 || header[3] !== 0) {
            throw new Error(`Unrecognized input header: ${kind}`);
          }
          isFailure = kind === streams.systemError;
          target = kind === streams.stderr ? "stderr" : "stdout";
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
