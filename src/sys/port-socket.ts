import type { PortProtocol } from "../formats/container-port.ts";
import { decodeIpAddress, formatIpAddress } from "../formats/ip-address.ts";
import { check, declare, SyscallError } from "./libc.ts";

const socket = declare("int socket(int domain, int type, int protocol)");
const bind = declare("int bind(int fd, const void *address, unsigned int length)");
const setsockopt = declare(
  "int setsockopt(int fd, int level, int name, const void *value, unsigned int length)",
);
const getsockname = declare("int getsockname(int fd, _Out_ uint8_t *address, _Inout_ uint32_t *length)");
const listen = declare("int listen(int fd, int backlog)");
const close = declare("int close(int fd)");

const families: Record<number, number> = { 4: 2, 16: 10 };
/** `struct sockaddr_storage`. */
const longestNameBytes = 128;
const closeOnExec = 0o2000000;
const socketLevel = 1;
const reuseAddress = 2;
const ipv6Level = 41;
const ipv6Only = 26;
const kinds = { tcp: [1, 6], udp: [2, 17], sctp: [1, 132] } as const satisfies Record<
  PortProtocol,
  readonly [type: number, protocol: number]
>;

export type { PortProtocol } from "../formats/container-port.ts";

/**
 * Takes a port of this machine by binding a socket that never listens: no other process can bind it, and no client can connect to it.
 * `address` is 4 or 16 bytes in network order. The caller closes it with `releasePort`.
 * @throws SyscallError EADDRINUSE, EADDRNOTAVAIL, …; EPROTONOSUPPORT when the kernel does not know the protocol
 */
export function reservePort(protocol: PortProtocol, address: Uint8Array, port: number): number {
  try {
    return bindPort(protocol, address, port, false);
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    // What is left of closed connections (TIME_WAIT) does not make a port taken.
    if (error.code === "EADDRINUSE" && protocol === "tcp") return bindPort(protocol, address, port, true);
    throw error;
  }
}

const backlog = 511;

/** Lets clients connect to a TCP port that was taken: they wait until a process accepts them. @throws SyscallError */
export function listenAtPort(fd: number): void {
  // What is left of its connections (TIME_WAIT) inherits it, and then does not keep the port from the next one.
  setsockopt(fd, socketLevel, reuseAddress, Buffer.from([1, 0, 0, 0]), 4);
  check(listen(fd, backlog), "listen", String(fd));
}

/** Whether a descriptor is a socket that is bound there. `address` is 4 or 16 bytes in network order. */
export function isBoundTo(fd: number, address: Uint8Array, port: number): boolean {
  const wanted = encodeSocketAddress(families[address.length] ?? 0, address, port);
  const found = Buffer.alloc(wanted.length);
  return getsockname(fd, found, [found.length]) === 0 && found.subarray(0, 24).equals(wanted.subarray(0, 24));
}

/** Where a descriptor's socket is bound, when it is one of IPv4 or IPv6. @throws SyscallError for a descriptor that is no socket */
export function findInetAddress(fd: number): { address: string; port: number } | undefined {
  const name = Buffer.alloc(longestNameBytes);
  check(getsockname(fd, name, [name.length]), "getsockname", String(fd));
  const family = name.readUInt16LE(0);
  const length = Object.keys(families)
    .map(Number)
    .find((one) => families[one] === family);
  if (length === undefined) return undefined;
  const address = name.subarray(length === 16 ? 8 : 4).subarray(0, length);
  return { address: formatIpAddress(decodeIpAddress(address)), port: name.readUInt16BE(2) };
}

export function releasePort(fd: number): void {
  close(fd);
}

/** `struct sockaddr_in` or `sockaddr_in6`. */
function encodeSocketAddress(family: number, address: Uint8Array, port: number): Buffer {
  const name = Buffer.alloc(address.length === 16 ? 28 : 16);
  name.writeUInt16LE(family, 0);
  name.writeUInt16BE(port, 2);
  name.set(address, address.length === 16 ? 8 : 4);
  return name;
}

function bindPort(protocol: PortProtocol, address: Uint8Array, port: number, canReuse: boolean): number {
  const [type, number] = kinds[protocol];
  const family = families[address.length] ?? 0;
  const fd = check(socket(family, type | closeOnExec, number), "socket", protocol);
  if (canReuse) setsockopt(fd, socketLevel, reuseAddress, Buffer.from([1, 0, 0, 0]), 4);
  if (address.length === 16) setsockopt(fd, ipv6Level, ipv6Only, Buffer.from([1, 0, 0, 0]), 4);
  const name = encodeSocketAddress(family, address, port);
  try {
    check(bind(fd, name, name.length), "bind", `${protocol} port ${port}`);
  } catch (error) {
    close(fd);
    throw error;
  }
  return fd;
}
