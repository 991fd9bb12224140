/** MessagePack, as far as Fluentd's forward protocol needs it. */

export type Packable =
  | string
  | number
  | boolean
  | Buffer
  | readonly Packable[]
  | { [name: string]: Packable };

/** Numbers are unsigned and whole, of 32 bits. A buffer stands as it is: what is packed already. */
export function encodeMessagePack(value: Packable): Buffer {
  if (Buffer.isBuffer(value)) return value;
  if (typeof value === "string") return encodeText(value);
  if (typeof value === "boolean") return Buffer.from([value ? 0xc3 : 0xc2]);
  if (typeof value === "number") return value < 0x80 ? Buffer.from([value]) : withNumber(0xce, value);
  if (Array.isArray(value)) {
    const head = value.length < 16 ? Buffer.from([0x90 | value.length]) : withNumber(0xdd, value.length);
    return Buffer.concat([head, ...value.map(encodeMessagePack)]);
  }
  const members = Object.entries(value);
  const head = members.length < 16 ? Buffer.from([0x80 | members.length]) : withNumber(0xdf, members.length);
  return Buffer.concat([
    head,
    ...members.flatMap(([name, member]) => [encodeText(name), encodeMessagePack(member)]),
  ]);
}

/** Fluentd's time with nanoseconds: extension type 0. */
export function encodeEventTime(milliseconds: number): Buffer {
  const bytes = Buffer.from([0xd7, 0x00, 0, 0, 0, 0, 0, 0, 0, 0]);
  const seconds = Math.floor(milliseconds / 1000);
  bytes.writeUInt32BE(seconds, 2);
  bytes.writeUInt32BE(Math.floor((milliseconds - seconds * 1000) * 1e6), 6);
  return bytes;
}

function encodeText(text: string): Buffer {
  const bytes = Buffer.from(text);
  const head = bytes.length < 32 ? Buffer.from([0xa0 | bytes.length]) : withNumber(0xdb, bytes.length);
  return Buffer.concat([head, bytes]);
}

function withNumber(first: number, value: number): Buffer {
  const bytes = Buffer.alloc(5);
  bytes[0] = first;
  bytes.writeUInt32BE(value, 1);
  return bytes;
}
