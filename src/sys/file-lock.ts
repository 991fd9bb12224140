import { check, declare, lastErrno } from "./libc.ts";

const flockCall = declare("int flock(int fd, int operation)");
const LOCK_EX = 2;
const LOCK_NB = 4;
const EWOULDBLOCK = 11;

/** Takes an exclusive lock on an open file, held until it is closed. @returns false when another process has it */
export function tryLock(fd: number): boolean {
  const result = flockCall(fd, LOCK_EX | LOCK_NB);
  if (result < 0 && lastErrno() === EWOULDBLOCK) return false;
  check(result, "flock");
  return true;
}
