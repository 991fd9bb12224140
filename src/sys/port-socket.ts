import { check, declare, SyscallError } from "./libc.ts";

const socket = declare("int socket(int domain, int type, int protocol)");
const bind = declare("int bind(int fd, const void *address, unsigned int length)");
const setsockopt = declare(
  "int setsockopt(int fd, int level, int name, const void *value, unsigned int length)",
);
const close = declare("int close(int fd)");

const inet = 2;
const closeOnExec = 0o2000000;
const socketLevel = 1;
const reuseAddress = 2;
const kinds = { tcp: [1, 6], udp: [2, 17], sctp: [1, 132] } as const;

export type PortProtocol = keyof typeof kinds;

/**
 * Takes a port of this machine by binding a socket that never listens: nobody else can bind it, nobody can connect to it.
 * The caller closes it with `releasePort`. Undefined when the kernel does not know the protocol.
 * @throws SyscallError EADDRINUSE, EADDRNOTAVAIL, …
 */
export function reservePort(protocol: PortProtocol, address: number, port: number): number | undefined {
  try {
    return bindPort(protocol, address, port, false);
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    if (error.code === "EPROTONOSUPPORT" || error.code === "ESOCKTNOSUPPORT") return undefined;
    // What is left of closed connections (TIME_WAIT) does not make a port taken.
    if (error.code === "EADDRINUSE" && protocol === "tcp") return bindPort(protocol, address, port, true);
    throw error;
  }
}

export function releasePort(fd: number): void {
  close(fd);
}

function bindPort(protocol: PortProtocol, address: number, port: number, canReuse: boolean): number {
  const [type, number] = kinds[protocol];
  const fd = check(socket(inet, type | closeOnExec, number), "socket", protocol);
  if (canReuse) setsockopt(fd, socketLevel, reuseAddress, Buffer.from([1, 0, 0, 0]), 4);
  const name = Buffer.alloc(16);
  name.writeUInt16LE(inet, 0);
  name.writeUInt16BE(port, 2);
  name.writeUInt32BE(address, 4);
  try {
    check(bind(fd, name, name.length), "bind", `${protocol} port ${port}`);
  } catch (error) {
    close(fd);
    throw error;
  }
  return fd;
}
