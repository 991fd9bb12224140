import { fstatSync } from "node:fs";
import { hasCode, internal } from "../errors.ts";
import type { ByteString } from "../formats/tar/tar-entry.ts";
import { closeDescriptor, openDirectoryAt, openParent } from "../sys/safe-path.ts";

/**
 * Where a walk through a tree is: the directories from the tree's root down to the present one. A container may nest them
 * deeper than any path reaches and than there are descriptors, so only the lowest few are open.
 */
export interface Descent {
  /** The present directory, open until the next move. */
  readonly fd: number;
  /** @returns false when there is no such directory, or a link. @throws SyscallError */
  enter(name: ByteString): boolean;
  /** Back to the directory above. @throws internal when the present one has been moved out of it meanwhile */
  leave(): void;
  close(): void;
}

interface Level {
  /** Undefined once it had to be closed. */
  fd: number | undefined;
  identity: string;
}

const keptOpen = 32;

/** @param rootFd stays the caller's. @param withinMount refuse to enter what something is mounted on, with EXDEV */
export function createDescent(rootFd: number, { withinMount = false } = {}): Descent {
  const levels: Level[] = [];

  const fdOf = (level: Level | undefined) => (level ? level.fd : rootFd);

  function current(): number {
    return fdOf(levels.at(-1)) as number;
  }

  /** By "..", which only counts when it is the directory that we came from. */
  function reopen(level: Level, childFd: number): number {
    const fd = openParent(childFd);
    if (identityOf(fd) === level.identity) return fd;
    closeDescriptor(fd);
    throw internal("a directory was moved while it was read");
  }

  return {
    get fd() {
      return current();
    },
    enter(name) {
      let fd: number;
      try {
        fd = openDirectoryAt(current(), name, withinMount);
      } catch (error) {
        if (["ENOENT", "ENOTDIR", "ELOOP"].some((code) => hasCode(error, code))) return false;
        throw error;
      }
      levels.push({ fd, identity: "" });
      const distant = levels[levels.length - 1 - keptOpen];
      if (distant?.fd !== undefined) {
        distant.identity = identityOf(distant.fd);
        closeDescriptor(distant.fd);
        distant.fd = undefined;
      }
      return true;
    },
    leave() {
      const left = levels.pop() as Level;
      const parent = levels.at(-1);
      try {
        if (parent && parent.fd === undefined) parent.fd = reopen(parent, left.fd as number);
      } finally {
        closeDescriptor(left.fd as number);
      }
    },
    close() {
      for (const { fd } of levels) if (fd !== undefined) closeDescriptor(fd);
      levels.length = 0;
    },
  };
}

function identityOf(fd: number): string {
  const { dev, ino } = fstatSync(fd, { bigint: true });
  return `${dev}:${ino}`;
}
