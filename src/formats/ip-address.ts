import { isIPv4, isIPv6 } from "node:net";

/** An IPv4 or IPv6 address; `value` is its 32 or 128 bits as one number. Two of the same text are equal, not identical. */
export interface IpAddress {
  readonly family: 4 | 6;
  readonly value: bigint;
}

/** The host bits are as given: "10.0.0.5/8" keeps 10.0.0.5. */
export interface Subnet {
  readonly address: IpAddress;
  readonly prefixLength: number;
}

const bitsOf = { 4: 32, 6: 128 } as const;
const groupBits = 16n;

/** Undefined when inet_pton(3) would not take it. Without a zone: "fe80::1%eth0" is none. */
export function parseIpAddress(text: string): IpAddress | undefined {
  if (isIPv4(text)) return { family: 4, value: joinParts(text.split(".").map(Number), 8n) };
  if (!isIPv6(text) || text.includes("%")) return undefined;
  return { family: 6, value: joinParts(groupsOf(text), groupBits) };
}

/** The same, and undefined for one of IPv6. */
export function parseIpv4(text: string): IpAddress | undefined {
  return isIPv4(text) ? parseIpAddress(text) : undefined;
}

/** For text that is known to be one. @throws RangeError */
export function ipAddress(text: string): IpAddress {
  const address = parseIpAddress(text);
  if (!address) throw new RangeError(`${text} is not an IP address`);
  return address;
}

/** The eight groups of an IPv6 address, the last two of which may be written as an IPv4 address. */
function groupsOf(text: string): number[] {
  const [head = "", tail] = text.split("::");
  const groups = (part: string) =>
    part.split(":").flatMap((group) => {
      if (!group.includes(".")) return group === "" ? [] : Number.parseInt(group, 16);
      const [a = 0, b = 0, c = 0, d = 0] = group.split(".").map(Number);
      return [a * 256 + b, c * 256 + d];
    });
  const [before, after] = [groups(head), groups(tail ?? "")];
  return [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after];
}

function joinParts(parts: number[], bits: bigint): bigint {
  return parts.reduce((value, part) => (value << bits) | BigInt(part), 0n);
}

/** IPv6 as RFC 5952 has it. */
export function formatIpAddress({ family, value }: IpAddress): string {
  if (family === 4) return formatIpv4(Number(value));
  if (value === 0n) return "::";
  const groups = splitParts(value, 8, groupBits);
  const isMapped = value >> 32n === 0xffffn;
  if (isMapped) return `::ffff:${formatIpv4(Number(value & 0xffffffffn))}`;
  const words = groups.map((group) => group.toString(16));
  const { start, length } = longestZeros(groups);
  if (length < 2) return words.join(":");
  return `${words.slice(0, start).join(":")}::${words.slice(start + length).join(":")}`;
}

/** The same thousands of times when as many ports are published. */
const formatIpv4 = (value: number) =>
  `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`;

function splitParts(value: bigint, count: number, bits: bigint): number[] {
  const mask = (1n << bits) - 1n;
  return Array.from({ length: count }, (_, index) =>
    Number((value >> (bits * BigInt(count - 1 - index))) & mask),
  );
}

/** The first of the longest runs of zeros. */
function longestZeros(groups: number[]): { start: number; length: number } {
  let longest = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let end = start;
    while (groups[end] === 0) end++;
    if (end - start > longest.length) longest = { start, length: end - start };
  }
  return longest;
}

export function isSameAddress(a: IpAddress, b: IpAddress): boolean {
  return a.family === b.family && a.value === b.value;
}

/** The one that is `count` further on. The caller stays within the family. */
export function addressAfter({ family, value }: IpAddress, count: number | bigint): IpAddress {
  return { family, value: value + BigInt(count) };
}

/** 0.0.0.0 or ::, which stand for every address of a machine. */
export const anyAddress = (family: 4 | 6): IpAddress => ({ family, value: 0n });
export const isAnyAddress = ({ value }: IpAddress): boolean => value === 0n;

export function isLoopback({ family, value }: IpAddress): boolean {
  return family === 4 ? value >> 24n === 127n : value === 1n;
}

/** 169.254.0.0/16 and fe80::/10. */
export function isLinkLocal({ family, value }: IpAddress): boolean {
  return family === 4 ? value >> 16n === 0xa9fen : value >> 118n === 0x3fan;
}

/** 4 or 16 bytes in network order. */
export function encodeIpAddress({ family, value }: IpAddress): Buffer {
  return Buffer.from(value.toString(16).padStart(bitsOf[family] / 4, "0"), "hex");
}

/** @param bytes 4 or 16 in network order @throws RangeError */
export function decodeIpAddress(bytes: Uint8Array): IpAddress {
  if (bytes.length !== 4 && bytes.length !== 16) throw new RangeError(`an address of ${bytes.length} bytes`);
  return { family: bytes.length === 4 ? 4 : 6, value: joinParts([...bytes], 8n) };
}

/** Undefined when it is not ADDRESS/LENGTH. */
export function parseSubnet(text: string): Subnet | undefined {
  const match = /^([^/]+)\/(\d{1,3})$/.exec(text);
  const address = match?.[1] === undefined ? undefined : parseIpAddress(match[1]);
  const prefixLength = Number(match?.[2]);
  if (address === undefined || prefixLength > bitsOf[address.family]) return undefined;
  return { address, prefixLength };
}

export function formatSubnet({ address, prefixLength }: Subnet): string {
  return `${formatIpAddress(address)}/${prefixLength}`;
}

/** How many addresses are in it. */
export function sizeOf({ address, prefixLength }: Subnet): bigint {
  return 1n << BigInt(bitsOf[address.family] - prefixLength);
}

/** The subnet's first address, all host bits zero. */
export function firstAddress(subnet: Subnet): IpAddress {
  const { family, value } = subnet.address;
  return { family, value: value & ~(sizeOf(subnet) - 1n) };
}

/** The subnet's last address, all host bits one. */
export function lastAddress(subnet: Subnet): IpAddress {
  return addressAfter(firstAddress(subnet), sizeOf(subnet) - 1n);
}

export function doOverlap(a: Subnet, b: Subnet): boolean {
  if (a.address.family !== b.address.family) return false;
  return firstAddress(a).value <= lastAddress(b).value && firstAddress(b).value <= lastAddress(a).value;
}

export function doesContain(subnet: Subnet, { family, value }: IpAddress): boolean {
  if (family !== subnet.address.family) return false;
  return value >= firstAddress(subnet).value && value <= lastAddress(subnet).value;
}

/** Docker's MAC for an IPv4 address: 02:42 and the four bytes, so that an address keeps its MAC across restarts. */
export function macAddressOf(address: IpAddress): string {
  const bytes = [2, 0x42, ...encodeIpAddress(address).subarray(-4)];
  return bytes.map((byte) => byte.toString(16).padStart(2, "0")).join(":");
}

/** Lower case with colons; undefined when it is not a unicast 48-bit MAC address. */
export function parseMacAddress(text: string): string | undefined {
  const match = /^([0-9a-f]{2})([:-][0-9a-f]{2}){5}$/i.test(text);
  const first = Number.parseInt(text.slice(0, 2), 16);
  return match && (first & 1) === 0 ? text.toLowerCase().replaceAll("-", ":") : undefined;
}
