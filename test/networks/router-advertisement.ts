/** An Ethernet frame in which fe80::bad offers itself as the default router, and 2001:db8:bad::/64 to take an address of. */
export function routerAdvertisement(): string {
  const source = ipv6("fe80000000000000000000000000bad0");
  const everybody = ipv6("ff020000000000000000000000000001");
  const prefix = Buffer.concat([
    Buffer.from([3, 4, 64, 0xc0]),
    uint32(86_400),
    uint32(86_400),
    uint32(0),
    ipv6("20010db80bad00000000000000000000"),
  ]);
  const header = Buffer.from([134, 0, 0, 0, 64, 0, 1800 >> 8, 1800 & 255, 0, 0, 0, 0, 0, 0, 0, 0]);
  const message = Buffer.concat([header, prefix]);
  const sum = checksum(Buffer.concat([source, everybody, uint32(message.length), uint32(58), message]));
  message.writeUInt16BE(sum, 2);
  const packet = Buffer.concat([
    Buffer.from([0x60, 0, 0, 0, message.length >> 8, message.length & 255, 58, 255]),
    source,
    everybody,
    message,
  ]);
  return Buffer.concat([Buffer.from("333300000001020000000bad86dd", "hex"), packet]).toString("hex");
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

const ipv6 = (hex: string) => Buffer.from(hex, "hex");

/** RFC 1071. */
function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let offset = 0; offset < bytes.length; offset += 2) sum += bytes.readUInt16BE(offset);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
