import { invalid } from "../errors.ts";
import { check, declare, lastErrno, SyscallError } from "./libc.ts";

const socket = declare("int socket(int domain, int type, int protocol)");
const connect = declare("int connect(int fd, const void *address, unsigned int length)");
const send = declare("long send(int fd, const void *bytes, unsigned long length, int flags)");
const close = declare("int close(int fd)");

const unixFamily = 1;
const datagram = 2;
const nonBlocking = 0o4000;
const closeOnExec = 0o2000000;
const noSignal = 0x4000;
const longestPathBytes = 107;
const again = 11;

/** A socket that sends datagrams to a path, as /dev/log is: Node has none. */
export interface UnixDatagram {
  /** False when the receiver's queue is full. @throws SyscallError ECONNREFUSED, EMSGSIZE, … */
  send(message: Buffer): boolean;
  close(): void;
}

/** @throws SyscallError ENOENT, ECONNREFUSED, EPROTOTYPE where the socket at the path takes connections; invalid for a path too long */
export function connectUnixDatagram(path: string): UnixDatagram {
  // An "@" begins a name that is in no file system (unix(7)).
  const name = Buffer.from(path.replace(/^@/, "\0"));
  if (name.length > longestPathBytes) throw invalid(`${path}: path of a socket too long`);
  const end = Buffer.alloc(path.startsWith("@") ? 0 : 1);
  const address = Buffer.concat([Buffer.from([unixFamily, 0]), name, end]);
  const fd = check(socket(unixFamily, datagram | nonBlocking | closeOnExec, 0), "socket");
  try {
    check(connect(fd, address, address.length), "connect", path);
  } catch (error) {
    close(fd);
    throw error;
  }
  return {
    send(message) {
      const sent: number = send(fd, message, message.length, noSignal);
      if (sent >= 0) return true;
      const errno = lastErrno();
      if (errno === again) return false;
      throw new SyscallError("send", errno, path);
    },
    close: () => void close(fd),
  };
}
