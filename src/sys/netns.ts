import { constants as errnos } from "node:os";
import { check, declare, lastErrno, SyscallError } from "./libc.ts";
import { CLONE, setns, unshare } from "./namespaces.ts";
import { hasEnded, isAlive } from "./process.ts";

const open = declare("int open(const char *path, int flags)");
const closeFd = declare("int close(int fd)");

const closeOnExec = 0o2000000;
const ownPath = "/proc/thread-self/ns/net";

/** Opens the network namespace this thread is in. The caller closes the descriptor with `closeNetns`. */
export function openOwnNetns(): number {
  return openNamespace(ownPath);
}

/** Opens a namespace of any kind. The caller closes the descriptor with `closeNetns`. @throws SyscallError */
export function openNamespace(path: string): number {
  return check(open(path, closeOnExec), "open", path);
}

/**
 * Opens the network namespace of a process. The caller closes the descriptor with `closeNetns`.
 * @throws SyscallError ESRCH when it has ended, also when another has its pid now; EMFILE when there is no descriptor to look with
 */
export function openNetnsOf(pid: number, ticks: number): number {
  const path = `/proc/${pid}/ns/net`;
  const fd = open(path, closeOnExec);
  const reason = fd < 0 ? lastErrno() : errnos.errno.EMFILE;
  if (fd >= 0 && isAlive(pid, ticks)) return fd;
  if (fd >= 0) closeFd(fd);
  // One that is ending leaves its namespaces a moment before it is a zombie.
  const hasLeft = reason === errnos.errno.ENOENT || hasEnded(pid, ticks);
  throw new SyscallError("open", hasLeft ? errnos.errno.ESRCH : reason, path);
}

/** Moves this thread, and only it, into a new network namespace. */
export function enterNewNetns(): void {
  unshare(CLONE.NEWNET);
}

/** Moves this thread, and only it, into the namespace behind `fd`. */
export function enterNetns(fd: number): void {
  setns(fd, CLONE.NEWNET);
}

/** Does something in the namespace behind `fd`, without a pause, and comes back. */
export function withinNetns<R>(fd: number, work: () => R): R {
  const own = openOwnNetns();
  try {
    enterNetns(fd);
    try {
      return work();
    } finally {
      enterNetns(own);
    }
  } finally {
    closeNetns(own);
  }
}

/** The descriptor is the whole process's: one thread may close what another opened. */
export function closeNetns(fd: number): void {
  closeFd(fd);
}
