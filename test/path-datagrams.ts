import { check, declare, lastErrno } from "../src/sys/libc.ts";

const socket = declare("int socket(int domain, int type, int protocol)");
const bind = declare("int bind(int fd, const void *address, unsigned int length)");
const recv = declare("long recv(int fd, _Out_ uint8_t *bytes, unsigned long length, int flags)");
const close = declare("int close(int fd)");

/** Receives datagrams at a path, as /dev/log does: Node cannot. */
export function receiveDatagrams(path: string) {
  const fd = check(socket(1, 2 | 0o4000 | 0o2000000, 0), "socket");
  const address = Buffer.concat([Buffer.from([1, 0]), Buffer.from(path), Buffer.from([0])]);
  check(bind(fd, address, address.length), "bind", path);
  return {
    /** All that is there. */
    drain(): Buffer[] {
      const all: Buffer[] = [];
      for (;;) {
        const bytes = Buffer.alloc(1 << 17);
        const length: number = recv(fd, bytes, bytes.length, 0);
        if (length < 0 && lastErrno() === 11) return all;
        all.push(bytes.subarray(0, check(length, "recv")));
      }
    },
    close: () => void close(fd),
  };
}
