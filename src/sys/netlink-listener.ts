import koffi from "koffi";
import { check, declare, lastErrno, SyscallError } from "./libc.ts";
import { decodeMessages, type NetlinkMessage } from "./netlink-message.ts";

const socket = declare("int socket(int domain, int type, int protocol)");
const bind = declare("int bind(int fd, const void *address, unsigned int length)");
const setOption = declare(
  "int setsockopt(int fd, int level, int name, const void *value, unsigned int length)",
);
const receive = declare("long recv(int fd, void *bytes, size_t length, int flags)");
const fcntl = declare("int fcntl(int fd, int command, int argument)");
const close = declare("int close(int fd)");

const netlinkFamily = 16;
const rawSocket = 3;
const closeOnExec = 0o2000000;
const nonblocking = 0o4000;
const asynchronous = 0o20000;
const netlinkLevel = 270;
const addMembership = 1;
const socketLevel = 1;
const attachFilter = 26;
const instructionBytes = 8;
const setOwner = 8;
const setFlags = 4;
const receiveBytes = 64 * 1024;
const headerBytes = 16;
const portOffset = 12;
const ENOBUFS = 105;

export interface NetlinkListener {
  close(): void;
}

/** One datagram of announcements. */
export interface Announcement {
  /** The port of the socket that asked for the change, as a rule its process's id. */
  port: number;
  messages: NetlinkMessage[];
}

/**
 * Listens to what the kernel announces to multicast groups of this thread's network namespace. The kernel raises SIGIO when
 * there is something (fcntl(2), O_ASYNC), so neither a thread nor a process has to wait for it. Main thread only.
 * @param onAnnouncement gets undefined when some were lost
 * @param filter a program of bpf(4) that says which announcements wake this process
 */
export function listenToNetlink(
  protocol: number,
  groups: readonly number[],
  onAnnouncement: (announcement: Announcement | undefined) => void,
  filter?: Buffer,
): NetlinkListener {
  const fd = check(
    socket(netlinkFamily, rawSocket | closeOnExec | nonblocking, protocol),
    "socket",
    "netlink",
  );
  const bytes = Buffer.alloc(receiveBytes);

  let isOpen = true;

  function drain(): void {
    while (isOpen) {
      const length = Number(receive(fd, bytes, bytes.length, 0));
      if (length >= headerBytes) {
        const datagram = Buffer.from(bytes.subarray(0, length));
        onAnnouncement({ port: datagram.readUInt32LE(portOffset), messages: decodeMessages(datagram) });
      } else if (lastErrno() === ENOBUFS) onAnnouncement(undefined);
      else return;
    }
  }

  try {
    const address = Buffer.alloc(12);
    address.writeUInt16LE(netlinkFamily, 0);
    check(bind(fd, address, address.length), "bind", "netlink");
    if (filter) attach(fd, filter);
    for (const group of groups) {
      const number = Buffer.alloc(4);
      number.writeUInt32LE(group);
      check(setOption(fd, netlinkLevel, addMembership, number, number.length), "setsockopt", "netlink");
    }
    // Before the first signal can come: without a handler it ends the process.
    process.on("SIGIO", drain);
    check(fcntl(fd, setOwner, process.pid), "fcntl", "F_SETOWN");
    check(fcntl(fd, setFlags, asynchronous | nonblocking), "fcntl", "F_SETFL");
  } catch (error) {
    process.off("SIGIO", drain);
    close(fd);
    throw error instanceof SyscallError ? error : new Error("cannot listen to netlink", { cause: error });
  }
  return {
    close() {
      isOpen = false;
      close(fd);
      // A signal may be on its way still.
      setTimeout(() => process.off("SIGIO", drain), 1000).unref();
    },
  };
}

function attach(fd: number, filter: Buffer): void {
  const program = Buffer.alloc(16);
  program.writeUInt16LE(filter.length / instructionBytes, 0);
  program.writeBigUInt64LE(koffi.address(filter), 8);
  check(setOption(fd, socketLevel, attachFilter, program, program.length), "setsockopt", "SO_ATTACH_FILTER");
}
