import { check, declare } from "./libc.ts";
import { closeNetns, enterNetns, openOwnNetns } from "./netns.ts";

const socket = declare("int socket(int domain, int type, int protocol)");
const bind = declare("int bind(int fd, const void *address, unsigned int length)");
const listen = declare("int listen(int fd, int backlog)");
const setsockopt = declare(
  "int setsockopt(int fd, int level, int name, const void *value, unsigned int length)",
);
const close = declare("int close(int fd)");

const families = { 4: 2, 6: 10 } as const;
const types = { tcp: 1, udp: 2 } as const;
const nonBlocking = 0o4000;
const closeOnExec = 0o2000000;
const socketLevel = 1;
const reuseAddress = 2;
const backlog = 128;

export interface NetnsSocket {
  protocol: keyof typeof types;
  family: keyof typeof families;
  /** Where to bind it: four bytes, and a port. One of TCP then listens. */
  local?: { address: Uint8Array; port: number };
}

/**
 * Makes a socket in the network namespace behind `netns`, in which it stays. Only this thread visits it, and is back afterwards.
 * @returns a non-blocking descriptor, the caller's to close, or to hand to `dgram` or `net`. @throws SyscallError EADDRINUSE, …
 */
export function openNetnsSocket(netns: number, { protocol, family, local }: NetnsSocket): number {
  const own = openOwnNetns();
  try {
    enterNetns(netns);
    try {
      const type = types[protocol] | nonBlocking | closeOnExec;
      const fd = check(socket(families[family], type, 0), "socket", protocol);
      if (local) bindTo(fd, protocol, local);
      return fd;
    } finally {
      enterNetns(own);
    }
  } finally {
    closeNetns(own);
  }
}

function bindTo(
  fd: number,
  protocol: string,
  { address, port }: { address: Uint8Array; port: number },
): void {
  // For one that listens: what is left of an earlier one's connections does not make the port taken.
  if (protocol === "tcp") setsockopt(fd, socketLevel, reuseAddress, Buffer.from([1, 0, 0, 0]), 4);
  const name = Buffer.alloc(16);
  name.writeUInt16LE(families[4], 0);
  name.writeUInt16BE(port, 2);
  name.set(address, 4);
  try {
    check(bind(fd, name, name.length), "bind", `${protocol} port ${port}`);
    if (protocol === "tcp") check(listen(fd, backlog), "listen", `${protocol} port ${port}`);
  } catch (error) {
    close(fd);
    throw error;
  }
}
