/** Docker's multiplexed stream: frames of an 8-byte header (stream, 3 zero bytes, big-endian length) and payload. */
export const streams = { stdin: 0, stdout: 1, stderr: 2, systemError: 3 } as const;

export function encodeFrameHeader(stream: number, payloadBytes: number): Buffer {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(payloadBytes, 4);
  return header;
}

export function encodeFrame(stream: number, payload: Uint8Array): Buffer {
  return Buffer.concat([encodeFrameHeader(stream, payload.length), payload]);
}
