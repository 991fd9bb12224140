import type { ByteString, FileTime } from "../formats/tar/tar-entry.ts";
import { check, declare } from "./libc.ts";
import { cString } from "./safe-path.ts";

const utimensat = declare("int utimensat(int directory, const void *path, const void *times, int flags)");
const futimens = declare("int futimens(int fd, const void *times)");
const atNoFollow = 0x100;

/** Sets access and modification time of an open file, to the nanosecond. */
export function setTimes(fd: number, time: FileTime): void {
  check(Number(futimens(fd, encode(time))), "futimens");
}

/** The same for `name` in an open directory; of a link itself, not of what it points to. */
export function setEntryTimes(directoryFd: number, name: ByteString, time: FileTime): void {
  check(Number(utimensat(directoryFd, cString(name), encode(time), atNoFollow)), "utimensat", name);
}

/** Two of struct timespec, good until the next call. */
const times = new BigInt64Array(4);

function encode({ seconds, nanoseconds }: FileTime): BigInt64Array {
  times[0] = times[2] = BigInt(seconds);
  times[1] = times[3] = BigInt(nanoseconds);
  return times;
}
