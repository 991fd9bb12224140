import { randomBytes } from "node:crypto";

/** Graylog's extended log format, version 1.1. */
export interface GelfLine {
  host: string;
  text: string;
  /** Milliseconds since the epoch, with a fraction. */
  time: number;
  level: number;
  /** Further fields, without the underscore that they have on the wire. */
  fields: Record<string, string>;
}

export function formatGelf({ host, text, time, level, fields }: GelfLine): string {
  const further = Object.keys(fields)
    .sort()
    .map((name) => [`_${name}`, fields[name]]);
  return JSON.stringify({
    version: "1.1",
    host,
    short_message: text,
    timestamp: Math.floor(time) / 1000,
    level,
    ...Object.fromEntries(further),
  });
}

const chunkBytes = 1420;
const headBytes = 12;
const mostChunks = 128;

/** One datagram, or as many as a longer message takes. Too long a message is none. */
export function chunkGelf(message: Buffer): Buffer[] {
  if (message.length <= chunkBytes) return [message];
  const room = chunkBytes - headBytes;
  const count = Math.ceil(message.length / room);
  if (count > mostChunks) return [];
  const id = randomBytes(8);
  return Array.from({ length: count }, (_, at) =>
    Buffer.concat([
      Buffer.from([0x1e, 0x0f]),
      id,
      Buffer.from([at, count]),
      message.subarray(at * room, (at + 1) * room),
    ]),
  );
}
