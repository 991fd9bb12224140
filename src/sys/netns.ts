import { check, declare } from "./libc.ts";
import { CLONE, setns, unshare } from "./namespaces.ts";

const open = declare("int open(const char *path, int flags)");
const closeFd = declare("int close(int fd)");

const closeOnExec = 0o2000000;
const ownPath = "/proc/thread-self/ns/net";

/** Opens the network namespace this thread is in. The caller closes the descriptor with `closeNetns`. */
export function openOwnNetns(): number {
  return check(open(ownPath, closeOnExec), "open", ownPath);
}

/** Moves this thread, and only it, into a new network namespace. */
export function enterNewNetns(): void {
  unshare(CLONE.NEWNET);
}

/** Moves this thread, and only it, into the namespace behind `fd`. */
export function enterNetns(fd: number): void {
  setns(fd, CLONE.NEWNET);
}

/** The descriptor is the whole process's: one thread may close what another opened. */
export function closeNetns(fd: number): void {
  closeFd(fd);
}
