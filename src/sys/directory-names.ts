import { constants } from "node:os";
import type { ByteString } from "../formats/tar/tar-entry.ts";
import { declare, lastErrno, SyscallError } from "./libc.ts";
import { closeDescriptor, openDirectoryAt } from "./safe-path.ts";

const getdents64 = declare("long getdents64(int fd, void *buffer, size_t size)");

// Where the parts of a struct linux_dirent64 are.
const lengthAt = 16;
const nameAt = 19;

const buffer = Buffer.alloc(32 * 1024);

/**
 * Names in an open directory, as bytes and in no order, a few of them in memory at a time: a container may have made tens of millions.
 * None when it has been removed meanwhile. @throws SyscallError
 */
export function* eachName(directoryFd: number): Generator<ByteString> {
  // Of its own, since a descriptor has one place at which it is read.
  const fd = openDirectoryAt(directoryFd, ".");
  try {
    for (let names = readNames(fd); names.length > 0; names = readNames(fd))
      for (const name of names) if (name !== "." && name !== "..") yield name;
  } finally {
    closeDescriptor(fd);
  }
}

/** @returns none at the end */
function readNames(fd: number): ByteString[] {
  const bytes = Number(getdents64(fd, buffer, buffer.length));
  if (bytes < 0) {
    if (lastErrno() === constants.errno.ENOENT) return [];
    throw new SyscallError("getdents64", lastErrno());
  }
  const names: ByteString[] = [];
  for (let at = 0; at < bytes; at += buffer.readUInt16LE(at + lengthAt))
    names.push(buffer.toString("latin1", at + nameAt, buffer.indexOf(0, at + nameAt)));
  return names;
}
