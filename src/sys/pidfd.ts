import { closeSync } from "node:fs";
import { check, declare } from "./libc.ts";
import { decodeWaitStatus } from "./process.ts";

const syscall2 = declare("long syscall(long number, long a, long b)");
const pollCall = declare("int poll(_Inout_ uint8_t *fds, ulong count, int timeout)");
const ioctlCall = declare("int ioctl(int fd, ulong request, _Inout_ uint8_t *data)");

const syscall3 = declare("long syscall(long number, long a, long b, long c)");
const pidfdOpenNumber = 434;
const pidfdGetfdNumber = 438;
const POLLIN = 1;
/** _IOWR(0xFF, 11, struct pidfd_info) with the structure's first 64 bytes. */
const PIDFD_GET_INFO = 0xc040ff0b;
const PIDFD_INFO_EXIT = 1n << 3n;
const exitCodeOffset = 60;

/** A descriptor for a process, to be closed by the caller. @throws SyscallError ESRCH when there is none */
export function openPidfd(pid: number): number {
  return check(Number(syscall2(pidfdOpenNumber, pid, 0)), "pidfd_open", String(pid));
}

/** A copy of another process's open descriptor, to be closed by the caller. @throws SyscallError ESRCH, EBADF, EPERM */
export function copyDescriptor({ pid, fd }: { pid: number; fd: number }): number {
  const pidfd = openPidfd(pid);
  try {
    return check(Number(syscall3(pidfdGetfdNumber, pidfd, fd, 0)), "pidfd_getfd", `${fd} of ${pid}`);
  } finally {
    closeSync(pidfd);
  }
}

/**
 * Blocks the thread until one of the descriptors can be read: a pidfd when its process has ended.
 * @returns those that can be
 */
export function waitReadable(fds: number[]): number[] {
  const list = Buffer.alloc(8 * fds.length);
  fds.forEach((fd, n) => {
    list.writeInt32LE(fd, 8 * n);
    list.writeInt16LE(POLLIN, 8 * n + 4);
  });
  pollCall(list, fds.length, -1);
  return fds.filter((_, n) => list.readInt16LE(8 * n + 6) !== 0);
}

/**
 * The exit code of an ended process that is not our child, once its parent has collected it. Undefined before, and where the
 * kernel (before 6.15) does not tell.
 */
export function exitCodeOf(pidfd: number): number | undefined {
  const info = Buffer.alloc(64);
  info.writeBigUInt64LE(PIDFD_INFO_EXIT, 0);
  if (ioctlCall(pidfd, PIDFD_GET_INFO, info) < 0) return undefined;
  if ((info.readBigUInt64LE(0) & PIDFD_INFO_EXIT) === 0n) return undefined;
  return decodeWaitStatus(info.readInt32LE(exitCodeOffset));
}
