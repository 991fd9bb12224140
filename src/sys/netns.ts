import { check, declare } from "./libc.ts";

const unshare = declare("int unshare(int flags)");
const setns = declare("int setns(int fd, int kind)");
const open = declare("int open(const char *path, int flags)");
const closeFd = declare("int close(int fd)");

const newNetwork = 0x40000000;
const closeOnExec = 0o2000000;

/** Opens the network namespace this thread is in. The caller closes the descriptor with `closeNetns`. */
export function openOwnNetns(): number {
  return check(open("/proc/thread-self/ns/net", closeOnExec), "open", "/proc/thread-self/ns/net");
}

/** Moves this thread, and only it, into a new network namespace. */
export function enterNewNetns(): void {
  check(unshare(newNetwork), "unshare", "network namespace");
}

/** Moves this thread, and only it, into the namespace behind `fd`. */
export function enterNetns(fd: number): void {
  check(setns(fd, newNetwork), "setns", "network namespace");
}

/** The descriptor is the whole process's: one thread may close what another opened. */
export function closeNetns(fd: number): void {
  closeFd(fd);
}
