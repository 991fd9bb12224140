import { createHash } from "node:crypto";
import { invalid } from "../errors.ts";

/** WebSocket as a server speaks it (RFC 6455), without extensions. */

const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
const mostControlBytes = 125;
const longestHeaderBytes = 14;
const acceptSuffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** Answers a client's `Sec-WebSocket-Key` (section 4.2.2). */
export function acceptWebSocketKey(key: string): string {
  return createHash("sha1").update(`${key}${acceptSuffix}`).digest("base64");
}

/** One whole frame, as a server sends it: without a mask. */
export function encodeWebSocketFrame(kind: keyof typeof opcodes, payload: Uint8Array): Buffer {
  const { length } = payload;
  const head = Buffer.alloc(length < 126 ? 2 : length < 0x1_0000 ? 4 : 10);
  head[0] = 0x80 | opcodes[kind];
  head[1] = length < 126 ? length : length < 0x1_0000 ? 126 : 127;
  if (head.length === 4) head.writeUInt16BE(length, 2);
  if (head.length === 10) head.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([head, payload]);
}

export interface WebSocketListener {
  onData(chunk: Buffer): void;
  onPing(payload: Buffer): void;
  onClose(payload: Buffer): void;
}

interface Frame {
  opcode: number;
  mask: Buffer;
  /** Bytes of the payload: all, and those that have come. */
  length: number;
  read: number;
}

/**
 * Takes a client's frames apart, in whatever pieces they come. Data is passed on as it arrives, whatever the frames' length; messages
 * are one stream.
 */
export function createWebSocketDecoder({ onData, onPing, onClose }: WebSocketListener) {
  let header = Buffer.alloc(0);
  let frame: Frame | undefined;
  let control = Buffer.alloc(0);

  function take(payload: Buffer, current: Frame): void {
    if (current.opcode < opcodes.close) {
      if (payload.length > 0) onData(payload);
      return;
    }
    control = Buffer.concat([control, payload]);
    if (control.length < current.length) return;
    const whole = control;
    control = Buffer.alloc(0);
    if (current.opcode === opcodes.ping) onPing(whole);
    if (current.opcode === opcodes.close) onClose(whole);
  }

  return {
    /** @throws EngineError invalid for what no client may send */
    push(data: Buffer): void {
      let rest = data;
      for (;;) {
        if (!frame) {
          const before = header.length;
          header = Buffer.concat([header, rest.subarray(0, longestHeaderBytes)]);
          const read = readHeader(header);
          if (!read) return;
          rest = rest.subarray(read.headerBytes - before);
          header = Buffer.alloc(0);
          frame = read.frame;
        }
        const payload = unmask(rest.subarray(0, frame.length - frame.read), frame);
        rest = rest.subarray(payload.length);
        frame.read += payload.length;
        take(payload, frame);
        if (frame.read < frame.length) return;
        frame = undefined;
      }
    },
  };
}

/** Undefined while it is not whole. @throws EngineError invalid */
function readHeader(bytes: Buffer): { frame: Frame; headerBytes: number } | undefined {
  if (bytes.length < 2) return undefined;
  const [first = 0, second = 0] = bytes;
  const opcode = first & 0x0f;
  const isControl = opcode >= opcodes.close;
  const short = second & 0x7f;
  if ((first & 0x70) !== 0) throw invalid("web socket: reserved bits are set");
  if (!Object.values<number>(opcodes).includes(opcode)) throw invalid(`web socket: unknown opcode ${opcode}`);
  if ((second & 0x80) === 0) throw invalid("web socket: a client's frame has no mask");
  if (isControl && (short > mostControlBytes || (first & 0x80) === 0))
    throw invalid("web socket: a control frame too long, or in pieces");
  const lengthBytes = short === 127 ? 8 : short === 126 ? 2 : 0;
  const headerBytes = 2 + lengthBytes + 4;
  if (bytes.length < headerBytes) return undefined;
  const length =
    lengthBytes === 8 ? bytes.readBigUInt64BE(2) : lengthBytes === 2 ? bytes.readUInt16BE(2) : short;
  if (length > Number.MAX_SAFE_INTEGER) throw invalid("web socket: a frame too long");
  const mask = Buffer.from(bytes.subarray(headerBytes - 4, headerBytes));
  return { frame: { opcode, mask, length: Number(length), read: 0 }, headerBytes };
}

function unmask(bytes: Buffer, { mask, read }: Frame): Buffer {
  const plain = Buffer.from(bytes);
  for (let at = 0; at < plain.length; at++) plain[at] = (plain[at] ?? 0) ^ (mask[(read + at) % 4] ?? 0);
  return plain;
}
