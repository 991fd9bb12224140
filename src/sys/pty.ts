import { closeSync, unlinkSync } from "node:fs";
import { check, declare, koffi } from "./libc.ts";

const socketCall = declare("int socket(int domain, int type, int protocol)");
const bindCall = declare("int bind(int fd, const uint8_t *address, uint length)");
const listenCall = declare("int listen(int fd, int backlog)");
const acceptCall = declare("int accept4(int fd, void *address, void *length, int flags)");
const recvmsgCall = declare("long recvmsg(int fd, _Inout_ uint8_t *message, int flags)");
const ioctlWindowCall = declare("int ioctl(int fd, ulong request, const uint16_t *size)");

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;
const SOCK_NONBLOCK = 0o4000;
const MSG_CMSG_CLOEXEC = 0x40000000;
const TIOCSWINSZ = 0x5414;
const sunPathBytes = 108;

/** A listening socket over which an OCI runtime hands us a pseudo-terminal (runc's "console socket"). */
export interface ConsoleSocket {
  /**
   * Takes the terminal the runtime has sent. Call it once the runtime has ended successfully: it never waits.
   * @returns the master's descriptor, for the caller to close. @throws SyscallError EAGAIN when nothing was sent.
   */
  receive(): number;
  close(): void;
}

/** @param path at most 107 bytes (unix(7)) */
export function openConsoleSocket(path: string): ConsoleSocket {
  const address = Buffer.alloc(2 + sunPathBytes);
  address.writeUInt16LE(AF_UNIX, 0);
  if (address.write(path, 2) >= sunPathBytes) throw new Error(`console socket path too long: ${path}`);
  const fd = check(socketCall(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket");
  try {
    check(bindCall(fd, address, address.length), "bind", path);
    check(listenCall(fd, 1), "listen", path);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return {
    receive() {
      const connection = check(acceptCall(fd, null, null, SOCK_CLOEXEC | SOCK_NONBLOCK), "accept4", path);
      try {
        return receiveDescriptor(connection);
      } finally {
        closeSync(connection);
      }
    },
    close() {
      closeSync(fd);
      unlinkSync(path);
    },
  };
}

/** For `receiveDescriptor`. Of the module: the kernel knows them by their addresses alone, which keeps none of them from being collected. */
const data = Buffer.alloc(4096);
const control = Buffer.alloc(64);
const vector = Buffer.alloc(16);

/** recvmsg(2) with one SCM_RIGHTS control message; struct layouts are those of 64-bit Linux. */
function receiveDescriptor(connection: number): number {
  vector.writeBigUInt64LE(koffi.address(data), 0);
  vector.writeBigUInt64LE(BigInt(data.length), 8);
  const message = Buffer.alloc(56);
  message.writeBigUInt64LE(koffi.address(vector), 16);
  message.writeBigUInt64LE(1n, 24);
  message.writeBigUInt64LE(koffi.address(control), 32);
  message.writeBigUInt64LE(BigInt(control.length), 40);
  check(Number(recvmsgCall(connection, message, MSG_CMSG_CLOEXEC)), "recvmsg");
  const controlLength = message.readBigUInt64LE(40);
  if (controlLength < 20n) throw new Error("the runtime sent no terminal");
  return control.readInt32LE(16);
}

/** Sets a terminal's size; the kernel signals SIGWINCH to its foreground processes. @throws SyscallError */
export function setWindowSize(fd: number, rows: number, columns: number): void {
  check(ioctlWindowCall(fd, TIOCSWINSZ, Uint16Array.of(rows, columns, 0, 0)), "ioctl TIOCSWINSZ");
}
