import { check, declare } from "./libc.ts";

const pipe2 = declare("int pipe2(void *ends, int flags)");
const closeOnExec = 0o2000000;

/** A pipe between threads. Each end is closed by who uses it: a `net.Socket` its own, `closeDescriptor` else. */
export function makePipe(): { readFd: number; writeFd: number } {
  const ends = new Int32Array(2);
  check(Number(pipe2(ends, closeOnExec)), "pipe");
  return { readFd: ends[0] as number, writeFd: ends[1] as number };
}
