import { hasCode } from "../errors.ts";
import type { ByteString } from "../formats/tar-entry.ts";
import { closeDescriptor, makeDirectoryAt, openDirectoryInRoot } from "../sys/safe-path.ts";

/** The directories that entries go into, kept open, since neighbours in an archive share them. */
export interface Parents {
  /** The directory at `path`, made with its own parents when missing. Open until the next `get`, at least. */
  get(path: readonly ByteString[]): number;
  /** Opens an existing one; the caller closes it. @throws SyscallError ENOENT, ENOTDIR */
  openExisting(path: readonly ByteString[]): number;
  /** Takes over a directory that is open anyway, since its entries are likely to be next. */
  adopt(path: readonly ByteString[], fd: number): void;
  /** To be called when something was removed: a path may now lead elsewhere. */
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

  function openOrMake(path: readonly ByteString[]): number {
    try {
      return openExisting(path);
    } catch (error) {
      const name = path.at(-1);
      if (!hasCode(error, "ENOENT") || name === undefined) throw error;
      const parentFd = openOrMake(path.slice(0, -1));
      try {
        makeDirectoryAt(parentFd, name, 0o755);
      } catch (failure) {
        if (!hasCode(failure, "EEXIST")) throw failure;
      } finally {
        closeDescriptor(parentFd);
      }
      return openExisting(path);
    }
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
      const fd = openOrMake(path);
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
