import { closeSync, constants, openSync } from "node:fs";
import { check, declare } from "./libc.ts";

const mkfifoCall = declare("int mkfifo(const char *path, uint mode)");

/** The two ends of a FIFO that carries output of a child to us. The caller closes both. */
export interface OutputFifo {
  /** Given to the child. Read-write, so that the child itself keeps the pipe open and no reader's death breaks it. */
  childFd: number;
  /** Ours, non-blocking. Ends when the last child holding `childFd` is gone. */
  readFd: number;
}

export function makeFifo(path: string): void {
  check(mkfifoCall(path, 0o600), "mkfifo", path);
}

/** Opens an existing FIFO for output. @throws SyscallError or a Node system error */
export function openOutputFifo(path: string): OutputFifo {
  const readFd = openForReading(path);
  try {
    return { childFd: openSync(path, constants.O_RDWR), readFd };
  } catch (error) {
    closeSync(readFd);
    throw error;
  }
}

/** Our end alone, for output of a child that another process started. */
export function openForReading(path: string): number {
  return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
}

/** The two ends of a FIFO that carries a child's standard input. The child sees the end when all `writeFd`s are closed. */
export interface InputFifo {
  childFd: number;
  /** Ours, non-blocking. */
  writeFd: number;
}

export function openInputFifo(path: string): InputFifo {
  // A writer can only be opened without blocking once there is a reader, and a reader for the child must be a blocking one.
  const first = openForReading(path);
  try {
    const writeFd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    try {
      return { childFd: openSync(path, constants.O_RDONLY), writeFd };
    } catch (error) {
      closeSync(writeFd);
      throw error;
    }
  } finally {
    closeSync(first);
  }
}

/** Our end alone, while a child holds the other. @throws ENXIO when no child reads any more. */
export function openForWriting(path: string): number {
  return openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
}
