import { declare } from "./libc.ts";

const fallocate = declare("int fallocate(int fd, int mode, int64_t offset, int64_t length)");
const FALLOC_FL_KEEP_SIZE = 1;
const FALLOC_FL_PUNCH_HOLE = 2;

/** Gives back the room of a part of a file, which then reads as zeros. @returns false where the file system cannot do that */
export function punchHole(fd: number, at: number, length: number): boolean {
  return Number(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, length)) === 0;
}
