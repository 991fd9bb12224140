import { chownSync, closeSync, mkdirSync } from "node:fs";
import { type OnReadOpts, Socket } from "node:net";
import { join } from "node:path";
import { ReadStream } from "node:tty";
import type { IdPair } from "../formats/id-mapping.ts";
import type { LogEntry } from "../formats/log-entry.ts";
import type { OpenDescriptor } from "../supervisor-protocol/names.ts";
import { makeFifo, openForReading, openForWriting, openInputFifo, openOutputFifo } from "../sys/fifo.ts";
import { openOwnNull } from "../sys/null-device.ts";
import { copyDescriptor } from "../sys/pidfd.ts";
import { type ConsoleSocket, openConsoleSocket, setWindowSize } from "../sys/pty.ts";
import { takeInTurns } from "./turns.ts";

/** @param chunk valid only until it returns */
export type OnOutput = (stream: LogEntry["stream"], chunk: Buffer) => void;

/** Our side of a process's input and output. */
export interface Stdio {
  /** The descriptor of the terminal's master, or of the input as long as it is open. */
  lifeline(): number | undefined;
  pause(): void;
  resume(): void;
  /** @returns false when the writer should wait for `onceWritable` */
  write(chunk: Buffer): boolean;
  onceWritable(listener: () => void): void;
  closeInput(): void;
  /** Does nothing without a terminal. */
  resize(rows: number, columns: number): void;
  /** Hands over what the process has written and not yet been read, then lets go of everything. Call it after its end. */
  finish(): Promise<void>;
}

/** Stdio that has yet to be joined to a process that is being spawned. */
export interface PendingStdio {
  /** For the child's descriptors 0, 1 and 2. */
  childFds: (number | "ignore")[];
  /** Further arguments to the runtime. */
  runtimeArguments: string[];
  /** The runtime has ended well: begin. */
  begin(onOutput: OnOutput): Stdio;
  /** Let go of everything: the runtime has failed, or `begin`. */
  abandon(): void;
}

/** Makes the FIFOs stdin, stdout and stderr in `folder`. @param owner who may open them again, as /dev/stdout */
export function openPipes(folder: string, withStdin: boolean, owner?: IdPair): PendingStdio {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const opened: number[] = [];
  const open = <T extends object>(name: string, how: (path: string) => T): T => {
    makeFifo(join(folder, name));
    if (owner) chownSync(join(folder, name), owner.uid, owner.gid);
    const fds = how(join(folder, name));
    opened.push(...Object.values(fds));
    return fds;
  };
  try {
    const input = withStdin ? open("stdin", openInputFifo) : undefined;
    const noInput = input ? undefined : openOwnNull(folder);
    if (noInput !== undefined) opened.push(noInput);
    const stdout = open("stdout", openOutputFifo);
    const stderr = open("stderr", openOutputFifo);
    const childFds = [input?.childFd ?? noInput!, stdout.childFd, stderr.childFd];
    return {
      childFds,
      runtimeArguments: [],
      begin(onOutput) {
        opened.length = 0;
        for (const fd of childFds) closeSync(fd);
        return createPipeStdio(input?.writeFd, stdout.readFd, stderr.readFd, onOutput);
      },
      abandon: () => opened.splice(0).forEach((fd) => void closeSync(fd)),
    };
  } catch (error) {
    for (const fd of opened) closeSync(fd);
    throw error;
  }
}

/** Takes up the pipes of a process that an earlier supervisor started. */
export function reopenPipes(folder: string, withStdin: boolean, onOutput: OnOutput): Stdio {
  let writeFd: number | undefined;
  try {
    writeFd = withStdin ? openForWriting(join(folder, "stdin")) : undefined;
  } catch {
    // The process no longer reads it.
  }
  const opened = writeFd === undefined ? [] : [writeFd];
  const open = (name: string) => {
    const fd = openForReading(join(folder, name));
    opened.push(fd);
    return fd;
  };
  try {
    const [stdout, stderr] = [open("stdout"), open("stderr")];
    return createPipeStdio(writeFd, stdout, stderr, onOutput);
  } catch (error) {
    for (const fd of opened) closeSync(fd);
    throw error;
  }
}

function createPipeStdio(
  writeFd: number | undefined,
  outFd: number,
  errFd: number,
  onOutput: OnOutput,
): Stdio {
  const input =
    writeFd === undefined ? undefined : new Socket({ fd: writeFd, readable: false, writable: true });
  input?.on("error", () => input.destroy());
  const stdout = openReader(outFd, (chunk) => onOutput("stdout", chunk));
  const stderr = openReader(errFd, (chunk) => onOutput("stderr", chunk));
  return {
    lifeline: () => (input && !input.destroyed && !input.writableEnded ? writeFd : undefined),
    pause() {
      stdout.pause();
      stderr.pause();
    },
    resume() {
      stdout.resume();
      stderr.resume();
    },
    write: (chunk) => (input && !input.destroyed ? input.write(chunk) : true),
    onceWritable: (listener) => input && onceWritable(input, listener),
    closeInput: () => void input?.end(),
    resize: () => {},
    async finish() {
      input?.destroy();
      await Promise.all([stdout.drain(), stderr.drain()]);
    },
  };
}

/** Also when it is closed: then what is written goes nowhere, and holds no one back. */
function onceWritable(target: Socket, listener: () => void): void {
  const goOn = () => {
    target.off("drain", goOn).off("close", goOn);
    listener();
  };
  target.once("drain", goOn).once("close", goOn);
}

function openReader(fd: number, onData: (chunk: Buffer) => void) {
  const open = (onread: OnReadOpts) => new Socket({ fd, readable: true, writable: false, onread });
  const intake = takeInTurns(open, fd, onData);
  intake.stream.on("error", () => intake.stream.destroy());
  return intake;
}

let consoleCount = 0;

/**
 * @param consoleFolder a short path: a socket's name has at most 107 bytes
 * @param folder to make a /dev/null in
 */
export function openTerminal(
  consoleFolder: string,
  folder: string,
  size: [number, number] | undefined,
): PendingStdio {
  const path = join(consoleFolder, `tty-${process.pid}-${consoleCount++}`);
  const console: ConsoleSocket = openConsoleSocket(path);
  let isOpen = true;
  const close = () => {
    if (!isOpen) return;
    isOpen = false;
    closeSync(nothing);
    console.close();
  };
  let nothing: number;
  try {
    // crun gives what it has been started with to the user of the container, where that has a user namespace.
    nothing = openOwnNull(folder);
  } catch (error) {
    console.close();
    throw error;
  }
  return {
    childFds: [nothing, nothing, nothing],
    runtimeArguments: ["--console-socket", path],
    begin(onOutput) {
      try {
        return createTerminalStdio(console.receive(), size, onOutput);
      } finally {
        close();
      }
    },
    abandon: close,
  };
}

/** Takes up a terminal of a process that an earlier supervisor started, from the copy of its master that the daemon has kept. */
export function reopenTerminal(kept: OpenDescriptor, onOutput: OnOutput): Stdio {
  return createTerminalStdio(copyDescriptor(kept), undefined, onOutput);
}

function createTerminalStdio(fd: number, size: [number, number] | undefined, onOutput: OnOutput): Stdio {
  if (size && size[0] > 0 && size[1] > 0) setWindowSize(fd, size[0], size[1]);
  const onData = (chunk: Buffer) => onOutput("stdout", chunk);
  const open = (onread: OnReadOpts) => new ReadStream(fd, { onread });
  const { stream: terminal, pause, resume, drain } = takeInTurns(open, fd, onData);
  // EIO is a terminal's ordinary end: no process has it open any more.
  terminal.on("error", () => terminal.destroy());
  return {
    pause,
    resume,
    lifeline: () => (terminal.destroyed ? undefined : fd),
    write: (chunk) => (terminal.destroyed ? true : terminal.write(chunk)),
    onceWritable: (listener) => onceWritable(terminal, listener),
    closeInput: () => {},
    resize: (rows, columns) => {
      if (!terminal.destroyed) setWindowSize(fd, rows, columns);
    },
    finish: drain,
  };
}

/** Of a process whose input and output are out of reach. */
export const noStdio: Stdio = {
  lifeline: () => undefined,
  pause: () => {},
  resume: () => {},
  write: () => true,
  onceWritable: () => {},
  closeInput: () => {},
  resize: () => {},
  finish: async () => {},
};
