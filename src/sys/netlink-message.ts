/** One netlink message without its header's length (`struct nlmsghdr`, netlink(7)). */
export interface NetlinkMessage {
  type: number;
  flags: number;
  sequence: number;
  payload: Buffer;
}

/** A netlink attribute: its type, and bytes or nested attributes. Numbers are in host order, here little-endian. */
export type Attribute = readonly [type: number, value: Buffer | readonly Attribute[]];

export const messageType = { error: 2, done: 3 } as const;
export const messageFlag = {
  request: 1,
  acknowledge: 4,
  dumpInterrupted: 0x10,
  replace: 0x100,
  dump: 0x300,
  exclusive: 0x200,
  create: 0x400,
} as const;

const headerBytes = 16;
const attributeHeaderBytes = 4;
const typeMask = 0x3fff;

const aligned = (length: number) => (length + 3) & ~3;

/**
 * Bytes of Node's pool, unlike `Buffer.alloc`'s: memory of its own for each attribute would count as in use until a collection of the
 * whole heap, a kilobyte and more for each container that is run.
 */
export function zeroes(count: number): Buffer {
  return Buffer.allocUnsafe(count).fill(0);
}

export function uint8(value: number): Buffer {
  return Buffer.of(value);
}

/** In the byte order of the machine. */
export function uint16le(value: number): Buffer {
  const bytes = zeroes(2);
  bytes.writeUInt16LE(value);
  return bytes;
}

export function uint32(value: number): Buffer {
  const bytes = zeroes(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
}

/** 0 for an attribute that is absent or too short. */
export function decodeUint32(bytes: Buffer | undefined): number {
  return bytes && bytes.length >= 4 ? bytes.readUInt32LE(0) : 0;
}

/** Text with the closing zero most string attributes want. */
export function encodeText(value: string): Buffer {
  return Buffer.from(`${value}\0`);
}

/** The inverse; "" for an attribute that is absent. */
export function decodeText(bytes: Buffer | undefined): string {
  if (!bytes) return "";
  const end = bytes.indexOf(0);
  return bytes.toString("utf8", 0, end < 0 ? bytes.length : end);
}

export function encodeMessage(message: NetlinkMessage): Buffer {
  const bytes = zeroes(aligned(headerBytes + message.payload.length));
  bytes.writeUInt32LE(headerBytes + message.payload.length, 0);
  bytes.writeUInt16LE(message.type, 4);
  bytes.writeUInt16LE(message.flags, 6);
  bytes.writeUInt32LE(message.sequence, 8);
  message.payload.copy(bytes, headerBytes);
  return bytes;
}

/** The messages of one datagram. A message whose length is not possible ends the list. */
export function decodeMessages(datagram: Buffer): NetlinkMessage[] {
  const messages: NetlinkMessage[] = [];
  let offset = 0;
  while (offset + headerBytes <= datagram.length) {
    const length = datagram.readUInt32LE(offset);
    if (length < headerBytes || offset + length > datagram.length) break;
    messages.push({
      type: datagram.readUInt16LE(offset + 4),
      flags: datagram.readUInt16LE(offset + 6),
      sequence: datagram.readUInt32LE(offset + 8),
      payload: datagram.subarray(offset + headerBytes, offset + length),
    });
    offset += aligned(length);
  }
  return messages;
}

export function encodeAttributes(attributes: readonly Attribute[]): Buffer {
  return Buffer.concat(attributes.map(encodeAttribute));
}

function encodeAttribute([type, value]: Attribute): Buffer {
  const content = Buffer.isBuffer(value) ? value : encodeAttributes(value);
  const bytes = zeroes(aligned(attributeHeaderBytes + content.length));
  bytes.writeUInt16LE(attributeHeaderBytes + content.length, 0);
  bytes.writeUInt16LE(type, 2);
  content.copy(bytes, attributeHeaderBytes);
  return bytes;
}

/** Attributes by type, without the flag bits. Nested ones are decoded by calling again. The last of a type wins. */
export function decodeAttributes(bytes: Buffer): Map<number, Buffer> {
  return new Map(listAttributes(bytes));
}

/** The same in their order, where several are of one type. */
export function listAttributes(bytes: Buffer): [type: number, value: Buffer][] {
  const attributes: [number, Buffer][] = [];
  let offset = 0;
  while (offset + attributeHeaderBytes <= bytes.length) {
    const length = bytes.readUInt16LE(offset);
    if (length < attributeHeaderBytes || offset + length > bytes.length) break;
    const type = bytes.readUInt16LE(offset + 2) & typeMask;
    attributes.push([type, bytes.subarray(offset + attributeHeaderBytes, offset + length)]);
    offset += aligned(length);
  }
  return attributes;
}

/** The errno in an error message's payload, positive; 0 is an acknowledgement. */
export function decodeErrno(payload: Buffer): number {
  return payload.length < 4 ? 0 : -payload.readInt32LE(0);
}
