import { hasCode } from "../errors.ts";
import type { ByteString } from "../formats/tar/tar-entry.ts";
import { closeDescriptor, makeDirectoryAt, openDirectoryAt, openDirectoryInRoot } from "../sys/safe-path.ts";

/** The directories that entries go into, kept open, since neighbours in an archive share them. */
export interface Parents {
  /** The directory at `path`, made with its own parents when missing. Open until the next `get`, at least. */
  get(path: readonly ByteString[]): number;
  /** Opens an existing one; the caller closes it. @throws SyscallError ENOENT, ENOTDIR */
  openExisting(path: readonly ByteString[]): number;
  /** Takes over a directory that is open anyway, since its entries are likely to be next. */
  adopt(path: readonly ByteString[], fd: number): void;
  /** Call it when something was removed: a path may now lead elsewhere. */
  forget(): void;
  close(): void;
}

const keptOpen = 128;

export function createParents(rootFd: number, base: ByteString): Parents {
  const cached = new Map<ByteString, number>();
  let retired: number[] = [];

  function join(path: readonly ByteString[]): ByteString {
    return [...(base ? [base] : []), ...path].join("/");
  }

  function openExisting(path: readonly ByteString[]): number {
    return openDirectoryInRoot(rootFd, join(path));
  }

  function retire(fds: Iterable<number>): void {
    for (const fd of fds) retired.push(fd);
  }

  function closeRetired(): void {
    for (const fd of retired) closeDescriptor(fd);
    retired = [];
  }

  return {
    get(path) {
      const key = path.join("/");
      const known = cached.get(key);
      if (known !== undefined) return known;
      closeRetired();
      if (cached.size >= keptOpen) {
        retire(cached.values());
        cached.clear();
      }
      const fd = openOrMake(path, openExisting);
      cached.set(key, fd);
      return fd;
    },
    openExisting,
    adopt(path, fd) {
      const key = path.join("/");
      // Making room is left to `get`: what it gave out last must stay open.
      if (cached.size >= keptOpen || cached.has(key)) closeDescriptor(fd);
      else cached.set(key, fd);
    },
    forget() {
      retire(cached.values());
      cached.clear();
    },
    close() {
      retire(cached.values());
      cached.clear();
      closeRetired();
    },
  };
}

type OpenExisting = Parents["openExisting"];

function openOrMake(path: readonly ByteString[], openExisting: OpenExisting): number {
  let { fd, depth } = openNearest(path, openExisting);
  for (; depth < path.length; depth++) {
    const name = path[depth] as ByteString;
    try {
      makeDirectoryAt(fd, name, 0o755);
      const made = openDirectoryAt(fd, name);
      closeDescriptor(fd);
      fd = made;
    } catch (failure) {
      closeDescriptor(fd);
      // A dangling link, or another process was faster.
      if (!hasCode(failure, "EEXIST")) throw failure;
      fd = openExisting(path.slice(0, depth + 1));
    }
  }
  return fd;
}

/** The deepest directory that is there, of those that the path goes through. */
function openNearest(path: readonly ByteString[], openExisting: OpenExisting): { fd: number; depth: number } {
  for (let depth = path.length; ; depth--) {
    try {
      return { fd: openExisting(path.slice(0, depth)), depth };
    } catch (error) {
      if (!hasCode(error, "ENOENT") || depth === 0) throw error;
    }
  }
}
