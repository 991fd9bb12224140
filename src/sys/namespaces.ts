import { closeSync, constants, openSync } from "node:fs";
import { check, declare } from "./libc.ts";
import { attachMount, cloneMount, MS, mount } from "./mount.ts";

const unshareCall = declare("int unshare(int flags)");
const setnsCall = declare("int setns(int fd, int type)");

const fchdirCall = declare("int fchdir(int fd)");
const chrootCall = declare("int chroot(const char *path)");

/** Namespace types of clone(2), unshare(2) and setns(2). */
export const CLONE = { NEWNS: 0x20000, NEWNET: 0x40000000, FS: 0x200 } as const;

/** Gives the calling thread namespaces of its own. @throws SyscallError */
export function unshare(flags: number): void {
  check(unshareCall(flags), "unshare");
}

/** Moves the calling thread into the namespace behind `fd`. @throws SyscallError */
export function setns(fd: number, type: number): void {
  check(setnsCall(fd, type), "setns");
}

/**
 * Runs `work`, which must not be async, with the calling thread in a mount namespace of its own that sees the host's
 * mounts come and go but shows none of its own. What `work` spawns stays in it; the thread itself is back afterwards.
 * Only this thread's file system view moves: the other threads of the process keep the host's.
 */
export function inPrivateMounts<R>(work: () => R): R {
  const home = openMountNamespace();
  const root = openSync("/", constants.O_RDONLY | constants.O_DIRECTORY);
  let isRooted = false;
  try {
    unshare(CLONE.NEWNS);
    try {
      mount("none", "/", "none", MS.SLAVE | MS.REC, null);
      isRooted = true;
      return work();
    } finally {
      setns(home, CLONE.NEWNS);
      // Which led to the namespace's own root, out of the one we had: with that one no path of ours would be found any more.
      if (!isRooted) returnToRoot(root);
    }
  } finally {
    closeSync(home);
    closeSync(root);
  }
}

/**
 * Runs `work`, which must not be async, in a directory, so that relative paths begin there. For threads with a file system view of
 * their own, as in private mounts: the others would move with it. @throws SyscallError
 */
export function inDirectory<R>(path: string, work: () => R): R {
  const flags = constants.O_RDONLY | constants.O_DIRECTORY;
  const home = openSync("/proc/thread-self/cwd", flags);
  try {
    const fd = openSync(path, flags);
    try {
      check(fchdirCall(fd), "fchdir", path);
    } finally {
      closeSync(fd);
    }
    try {
      return work();
    } finally {
      check(fchdirCall(home), "fchdir");
    }
  } finally {
    closeSync(home);
  }
}

/** Makes an open directory the calling thread's root. */
function returnToRoot(fd: number): void {
  check(fchdirCall(fd), "fchdir");
  check(chrootCall("."), "chroot");
}

/** The calling thread's mount namespace, which lasts until the descriptor is closed. The caller closes it. */
export function openMountNamespace(): number {
  return openSync("/proc/thread-self/ns/mnt", "r");
}

/**
 * Mounts at `target`, in the calling thread's mount namespace, what process `pid` has mounted at `path` in its own.
 * A bind mount cannot do this across namespaces. @throws SyscallError
 */
export function borrowMount(pid: number, path: string, target: string): void {
  const mountFd = inMountsOf(pid, () => cloneMount(path));
  try {
    attachMount(mountFd, target);
  } finally {
    closeSync(mountFd);
  }
}

/**
 * A copy of the mount that is the root of a process's mount namespace, without those below it: what they lie on is seen. It is in no
 * namespace. For a thread in private mounts. The caller closes it. @throws SyscallError
 */
export const cloneRoot = (pid: number): number => inMountsOf(pid, () => cloneMount("/"));

function inMountsOf<R>(pid: number, work: () => R): R {
  const home = openMountNamespace();
  try {
    const theirs = openSync(`/proc/${pid}/ns/mnt`, "r");
    try {
      setns(theirs, CLONE.NEWNS);
      try {
        return work();
      } finally {
        setns(home, CLONE.NEWNS);
      }
    } finally {
      closeSync(theirs);
    }
  } finally {
    closeSync(home);
  }
}
