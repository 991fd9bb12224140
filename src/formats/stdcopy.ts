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
