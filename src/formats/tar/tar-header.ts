import { invalid } from "../../errors.ts";
import { type ByteString, blockBytes } from "./tar-entry.ts";

/** The fields of one 512-byte header as they stand there (POSIX ustar; GNU's base-256 numbers; old V7). */
export interface TarHeader {
  name: ByteString;
  mode: number;
  uid: number;
  gid: number;
  sizeBytes: number;
  mtimeSeconds: number;
  /** One character; V7's NUL is given as "0". */
  typeFlag: string;
  linkName: ByteString;
  deviceMajor: number;
  deviceMinor: number;
}

const malformed = () => invalid("invalid tar header");

/** Returns undefined for a block of zeros, of which two end an archive. @throws invalid for a wrong checksum or number. */
export function decodeHeader(block: Buffer): TarHeader | undefined {
  const sum = checksum(block);
  if (sum === blankSum && block.every((byte) => byte === 0)) return undefined;
  if (sum !== readNumber(block, 148, 8) && signedChecksum(block) !== readNumber(block, 148, 8)) {
    throw malformed();
  }
  const magic = block.toString("latin1", 257, 263);
  const prefix = magic === "ustar\0" ? readText(block, 345, 155) : "";
  const hasDevices = magic === "ustar\0" || magic === "ustar ";
  const name = readText(block, 0, 100);
  return {
    name: prefix ? `${prefix}/${name}` : name,
    mode: readNumber(block, 100, 8) & 0o7777,
    uid: readNumber(block, 108, 8),
    gid: readNumber(block, 116, 8),
    sizeBytes: readNumber(block, 124, 12),
    mtimeSeconds: readNumber(block, 136, 12),
    typeFlag: block[156] === 0 ? "0" : String.fromCharCode(block[156] ?? 0),
    linkName: readText(block, 157, 100),
    deviceMajor: hasDevices ? readNumber(block, 329, 8) : 0,
    deviceMinor: hasDevices ? readNumber(block, 337, 8) : 0,
  };
}

/** Encodes fields that fit (see `fitsName`, `fitsOctal`); larger ones belong in PAX records, and are cut here. */
export function encodeHeader(header: TarHeader): Buffer {
  const block = Buffer.alloc(blockBytes);
  const { prefix, name } = splitName(header.name) ?? { prefix: "", name: header.name.slice(0, 100) };
  block.write(name, 0, 100, "latin1");
  writeOctal(block, 100, 8, header.mode);
  writeOctal(block, 108, 8, header.uid);
  writeOctal(block, 116, 8, header.gid);
  writeOctal(block, 124, 12, header.sizeBytes);
  writeOctal(block, 136, 12, header.mtimeSeconds);
  block.write(header.typeFlag, 156, 1, "latin1");
  block.write(header.linkName.slice(0, 100), 157, 100, "latin1");
  block.write("ustar\x0000", 257, 8, "latin1");
  writeOctal(block, 329, 8, header.deviceMajor);
  writeOctal(block, 337, 8, header.deviceMinor);
  block.write(prefix, 345, 155, "latin1");
  block.write(`${checksum(block).toString(8).padStart(6, "0")}\0 `, 148, 8, "latin1");
  return block;
}

export function fitsName(name: ByteString): boolean {
  return splitName(name) !== undefined;
}

export function fitsOctal(value: number, fieldBytes: 8 | 12): boolean {
  return value >= 0 && value < 8 ** (fieldBytes - 1);
}

function splitName(name: ByteString): { prefix: ByteString; name: ByteString } | undefined {
  if (name.length <= 100) return { prefix: "", name };
  const slash = name.lastIndexOf("/", 155);
  const rest = name.length - slash - 1;
  if (slash <= 0 || rest > 100 || rest === 0) return undefined;
  return { prefix: name.slice(0, slash), name: name.slice(slash + 1) };
}

const blankSum = 8 * 0x20;

/** The sum of all bytes, those of the checksum field counted as spaces. */
function checksum(block: Buffer): number {
  let sum = blankSum;
  for (let index = 0; index < 148; index++) sum += block[index] as number;
  for (let index = 156; index < blockBytes; index++) sum += block[index] as number;
  return sum;
}

/** As some old writers computed it. */
function signedChecksum(block: Buffer): number {
  let sum = checksum(block);
  for (let index = 0; index < blockBytes; index++) {
    if ((index < 148 || index >= 156) && (block[index] as number) > 127) sum -= 256;
  }
  return sum;
}

function readText(block: Buffer, offset: number, length: number): ByteString {
  const end = block.indexOf(0, offset);
  return block.toString("latin1", offset, end < 0 || end > offset + length ? offset + length : end);
}

/** Octal digits with spaces or NULs around them, or GNU's base-256 when the first bit is set. */
export function readNumber(block: Buffer, offset: number, length: number): number {
  if ((block[offset] as number) & 0x80) return readBinary(block, offset, length);
  const end = offset + length;
  let at = offset;
  while (at < end && isBlank(block[at])) at++;
  let value = 0;
  for (; at < end && !isBlank(block[at]); at++) {
    const digit = (block[at] as number) - 0x30;
    if (digit < 0 || digit > 7) throw malformed();
    value = value * 8 + digit;
  }
  return value;
}

const isBlank = (byte: number | undefined) => byte === 0x20 || byte === 0;

function readBinary(block: Buffer, offset: number, length: number): number {
  const bytes = block.subarray(offset, offset + length);
  const negative = ((bytes[0] as number) & 0x40) !== 0;
  let value = BigInt((bytes[0] as number) & 0x7f);
  for (const byte of bytes.subarray(1)) value = (value << 8n) | BigInt(byte);
  const number = Number(negative ? value - (1n << BigInt(8 * length - 1)) : value);
  if (!Number.isSafeInteger(number)) throw malformed();
  return number;
}

function writeOctal(block: Buffer, offset: number, length: 8 | 12, value: number): void {
  const fitting = fitsOctal(value, length) ? value : 0;
  block.write(fitting.toString(8).padStart(length - 1, "0"), offset, length, "latin1");
}
