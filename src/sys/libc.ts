import { constants } from "node:os";
import koffi from "koffi";

const library = koffi.load("libc.so.6");
const errnoNames = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]));

/** A failed system call, in the shape of Node's own: `code` is "ENOENT", `syscall` is "mount". */
export class SyscallError extends Error {
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;

  constructor(syscall: string, errno: number, subject?: string) {
    const code = errnoNames.get(errno) ?? `errno ${errno}`;
    super(`${syscall}${subject ? ` ${subject}` : ""}: ${code}`);
    this.name = "SyscallError";
    this.code = code;
    this.errno = errno;
    this.syscall = syscall;
  }
}

export type NativeFunction = ReturnType<typeof library.func>;

/** Declares a libc function by its C prototype; the other files of `sys/` hold one each for what they call. */
export function declare(prototype: string): NativeFunction {
  return library.func(prototype);
}

/**
 * Passes a libc result through.
 * @throws SyscallError when it is negative; errno is read at once, before anything else can change it.
 */
export function check(result: number, syscall: string, subject?: string): number {
  if (result < 0) throw new SyscallError(syscall, koffi.errno(), subject);
  return result;
}

/** errno of the libc call made last on this thread: positive, as C has it. For calls where failure is ordinary. */
export function lastErrno(): number {
  return koffi.errno();
}

export { koffi };
