import { closeSync, constants, openSync } from "node:fs";
import { declare } from "./libc.ts";

const ioctlFlags = declare("int ioctl(int fd, ulong request, _Inout_ int *flags)");

// <linux/fs.h>; FS_IOC_GETFLAGS and SETFLAGS are declared with the size of a long, and pass an int.
const getFlags = 0x80086601;
const setFlags = 0x40086602;
const topDirectory = 0x00020000;

/**
 * Tells ext4 that what lies in one subdirectory of `directory` has nothing to do with what lies in the next (`chattr +T`): each new
 * one then gets a place of its own on the disk, chosen by its name among the emptiest, where it would share its parent's.
 * @returns whether the file system knows such a thing
 */
export function spreadSubdirectories(directory: string): boolean {
  const fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const flags = new Int32Array(1);
    if (ioctlFlags(fd, getFlags, flags) < 0) return false;
    if (((flags[0] as number) & topDirectory) !== 0) return true;
    flags[0] = (flags[0] as number) | topDirectory;
    return ioctlFlags(fd, setFlags, flags) === 0;
  } finally {
    closeSync(fd);
  }
}
