import { fstatSync, ftruncateSync, readSync, writeSync } from "node:fs";
import { constants as errnos } from "node:os";
import { hasCode } from "../errors.ts";
import { declare, lastErrno, SyscallError } from "./libc.ts";

const lseek = declare("int64_t lseek(int fd, int64_t offset, int whence)");
const SEEK_DATA = 3;
const SEEK_HOLE = 4;
const blockBytes = 512;
const chunkBytes = 1 << 20;

const ioctlNumber = declare("int ioctl(int fd, ulong request, long value)");
const FICLONE = 0x40049409;

/** What the kernel answers where a file system cannot share blocks, or the two files are on different ones. */
const cannotShare = ["EOPNOTSUPP", "EXDEV", "EINVAL", "ENOTTY", "ENOSYS", "ETXTBSY"];

/**
 * Makes an empty file's content that of another: by sharing its blocks where the file system can, else by a copy that leaves its
 * holes. One that shrinks meanwhile ends where it ends then. @throws an error with the system call's `code`
 */
export function copyContent(fromFd: number, toFd: number): void {
  if (Number(ioctlNumber(toFd, FICLONE, fromFd)) === 0) return;
  const error = new SyscallError("ioctl FICLONE", lastErrno());
  if (!cannotShare.some((code) => hasCode(error, code))) throw error;
  const { size, blocks } = fstatSync(fromFd);
  const buffer = Buffer.allocUnsafe(Math.min(chunkBytes, size));
  // Node's own copy of a file never ends where the file has shrunk.
  if (blocks * blockBytes >= size) {
    copyRange(fromFd, toFd, buffer, { at: 0, end: size });
    return;
  }
  copyData(fromFd, toFd, buffer, size);
  ftruncateSync(toFd, Math.min(size, fstatSync(fromFd).size));
}

function copyData(fromFd: number, toFd: number, buffer: Buffer, size: number): void {
  for (let at = seek(fromFd, 0, SEEK_DATA); at !== undefined && at < size; ) {
    const end = seek(fromFd, at, SEEK_HOLE) ?? size;
    if (!copyRange(fromFd, toFd, buffer, { at, end: Math.min(end, size) })) return;
    at = seek(fromFd, end, SEEK_DATA);
  }
}

/** @returns false when the file has ended before */
function copyRange(
  fromFd: number,
  toFd: number,
  buffer: Buffer,
  range: { at: number; end: number },
): boolean {
  for (let { at } = range; at < range.end; ) {
    const count = readSync(fromFd, buffer, 0, Math.min(buffer.length, range.end - at), at);
    if (count === 0) return false;
    for (let written = 0; written < count; )
      written += writeSync(toFd, buffer, written, count - written, at + written);
    at += count;
  }
  return true;
}

/** Undefined when there is none as far as the file goes. */
function seek(fd: number, from: number, what: number): number | undefined {
  const found = Number(lseek(fd, from, what));
  if (found >= 0) return found;
  if (lastErrno() === errnos.errno.ENXIO) return undefined;
  throw new SyscallError("lseek", lastErrno());
}
