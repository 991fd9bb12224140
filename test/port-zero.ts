import { encodeIpAddress, ipAddress } from "../src/formats/ip-address.ts";
import { check, declare } from "../src/sys/libc.ts";

const socket = declare("int socket(int domain, int type, int protocol)");
const close = declare("int close(int fd)");
const setsockopt = declare(
  "int setsockopt(int fd, int level, int name, const void *value, unsigned int length)",
);
const sendTo = declare(
  "long sendto(int fd, const void *bytes, size_t length, int flags, const void *address, unsigned int addressLength)",
);

const rawSocket = 3;
const udp = 17;
const ipv6Level = 41;
const checksumOption = 7;

/** Sends a UDP packet whose source port is 0, which no ordinary socket can have. */
export function sendFromPortZero(packet: Buffer, port: number, host: string): void {
  const isIpv6 = host.includes(":");
  const address = Buffer.alloc(isIpv6 ? 28 : 16);
  address.writeUInt16LE(isIpv6 ? 10 : 2, 0);
  address.set(encodeIpAddress(ipAddress(host)), isIpv6 ? 8 : 4);
  const header = Buffer.alloc(8);
  header.writeUInt16BE(port, 2);
  header.writeUInt16BE(header.length + packet.length, 4);
  const bytes = Buffer.concat([header, packet]);
  const fd = check(socket(isIpv6 ? 10 : 2, rawSocket, udp), "socket", "raw");
  try {
    // With IPv6 a packet without a checksum is lost: the kernel is to fill it in.
    const place = Buffer.from([6, 0, 0, 0]);
    if (isIpv6) check(setsockopt(fd, ipv6Level, checksumOption, place, place.length), "setsockopt", "raw");
    check(Number(sendTo(fd, bytes, bytes.length, 0, address, address.length)), "sendto", host);
  } finally {
    close(fd);
  }
}
