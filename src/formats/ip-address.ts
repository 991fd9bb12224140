/** An IPv4 subnet. `address` is one unsigned number, the host bits are as given: "10.0.0.5/8" keeps 10.0.0.5. */
export interface Subnet {
  address: number;
  prefixLength: number;
}

/** The address as one unsigned number; undefined when it is not four decimal numbers as inet_pton(3) wants them. */
export function parseIpv4(text: string): number | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part))) return undefined;
  const bytes = parts.map(Number);
  if (bytes.some((byte) => byte > 255)) return undefined;
  return bytes.reduce((address, byte) => address * 256 + byte, 0);
}

export function formatIpv4(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join(".");
}

/** Undefined when it is not ADDRESS/LENGTH. */
export function parseSubnet(text: string): Subnet | undefined {
  const match = /^([^/]+)\/(\d{1,2})$/.exec(text);
  const address = match?.[1] === undefined ? undefined : parseIpv4(match[1]);
  const prefixLength = Number(match?.[2]);
  if (address === undefined || prefixLength > 32) return undefined;
  return { address, prefixLength };
}

export function formatSubnet(subnet: Subnet): string {
  return `${formatIpv4(subnet.address)}/${subnet.prefixLength}`;
}

/** The subnet's first address, all host bits zero. */
export function firstAddress(subnet: Subnet): number {
  const size = 2 ** (32 - subnet.prefixLength);
  return subnet.address - (subnet.address % size);
}

/** The subnet's last address, all host bits one. */
export function lastAddress(subnet: Subnet): number {
  return firstAddress(subnet) + 2 ** (32 - subnet.prefixLength) - 1;
}

export function doOverlap(a: Subnet, b: Subnet): boolean {
  return firstAddress(a) <= lastAddress(b) && firstAddress(b) <= lastAddress(a);
}

export function doesContain(subnet: Subnet, address: number): boolean {
  return address >= firstAddress(subnet) && address <= lastAddress(subnet);
}

/** Docker's MAC for an address: 02:42 and the four bytes, so that an address keeps its MAC across restarts. */
export function macAddressOf(address: number): string {
  const bytes = [2, 0x42, ...[24, 16, 8, 0].map((shift) => (address >>> shift) & 255)];
  return bytes.map((byte) => byte.toString(16).padStart(2, "0")).join(":");
}

/** Lower case with colons; undefined when it is not a unicast 48-bit MAC address. */
export function parseMacAddress(text: string): string | undefined {
  const match = /^([0-9a-f]{2})([:-][0-9a-f]{2}){5}$/i.test(text);
  const first = Number.parseInt(text.slice(0, 2), 16);
  return match && (first & 1) === 0 ? text.toLowerCase().replaceAll("-", ":") : undefined;
}
