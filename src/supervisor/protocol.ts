import type { Socket } from "node:net";
import { StringDecoder } from "node:string_decoder";
import type { Overlay } from "../sys/mount.ts";
import type { Phases } from "../trace.ts";

/**
 * The protocol between daemon and supervisor: JSON lines over a unix socket. A connection's first line says what it is for
 * (`Hello`), and its answer is a `Welcome`. A control connection then carries requests one way, replies and exits the other. An
 * attach connection is from then on the process's raw input and its output (Docker's frames; raw for a terminal).
 *
 * A supervisor outlives many daemons, so a newer daemon must get on with an older supervisor: it may send only what `Welcome`
 * says that one knows. A change that an older side does not understand is a new version.
 */
export const protocolVersion = 3;
/** What this code still gets on with. */
export const oldestProtocol = 1;

export type Hello =
  | { role: "control"; protocol: number; oldest: number }
  | {
      role: "attach";
      process: string;
      stdin: boolean;
      stdout: boolean;
      stderr: boolean;
      /** Names this connection, for `closeInput`. */
      client: string;
    };

/** `protocol` is the supervisor's own; not ok when the two have none in common. */
export interface Welcome {
  ok: boolean;
  protocol: number;
}

export interface RuntimeCommand {
  /** The OCI runtime's program, "crun" or a path. */
  program: string;
  /** Its state folder (`--root`). */
  root: string;
}

export interface ProcessOptions {
  /** A container's or an exec's id. */
  process: string;
  runtime: RuntimeCommand;
  terminal: boolean;
  openStdin: boolean;
  /** Rows and columns of the terminal at first. */
  consoleSize?: [number, number];
}

export interface StartOptions extends ProcessOptions {
  bundle: string;
  /** Where the overlay is to be mounted for the runtime, and a directory to be made in it when it is missing. */
  rootfs: { overlay: Overlay; target: string; ensureDirectory?: string };
  /** Another process's /dev/shm, mounted at `target` for the runtime to bind. */
  shm?: { pid: number; target: string };
  log?: LogOptions;
}

export interface LogOptions {
  path: string;
  maxSizeBytes: number;
  maxFiles: number;
}

export interface ExecOptions extends ProcessOptions {
  container: string;
  /** File with the OCI process object. */
  processFile: string;
  /** An attached client whose connection may still be on its way: nothing of the output is taken before it is there. Since protocol 3. */
  client?: string;
}

/** An open descriptor of a process on this machine. */
export interface Descriptor {
  pid: number;
  fd: number;
}

/** A process that was started by an earlier supervisor. */
export interface AdoptOptions {
  process: string;
  pid: number;
  startTicks: number;
  terminal: boolean;
  openStdin: boolean;
  log?: LogOptions;
  /** When somebody has kept it. */
  lifeline?: Descriptor;
}

export interface Started {
  pid: number;
  /** 0 when it had ended before that could be read. */
  startTicks: number;
  /** Where the time went, with BERTH_TRACE. */
  phases?: Phases;
  /** What it would notice the closing of: the master of its terminal, or the end of its input that is written to. */
  lifeline?: Descriptor;
}

export interface Exit {
  process: string;
  /** Undefined when the process ended while nobody who could know was there. */
  exitCode: number | undefined;
  /** Milliseconds since the epoch. */
  at: number;
}

export interface Held extends Started {
  process: string;
  exit?: Exit;
}

/** Every request: its parameters and its result. */
export interface Methods {
  start(options: StartOptions): Started;
  exec(options: ExecOptions): Started;
  adopt(options: AdoptOptions): void;
  /** Runs the runtime to its end with these further arguments. */
  runtime(options: { runtime: RuntimeCommand; arguments: string[] }): void;
  /**
   * Closes a process's input after all that the attached `client` has sent. The end of its connection alone does not: that may
   * also be the end of the daemon.
   */
  closeInput(options: { process: string; client: string }): void;
  resize(options: { process: string; rows: number; columns: number }): void;
  list(options: Record<string, never>): Held[];
  /** Ends a start or an exec that is under way, which then fails. */
  abort(options: { process: string }): void;
  /** Drops what is kept of a process that has ended. */
  forget(options: { process: string }): void;
  /** Ends the supervisor if it holds no running process; answers whether it does. */
  shutdown(options: Record<string, never>): boolean;
}

export type MethodName = keyof Methods;
/** The protocol version that brought a method, when that was not the first. */
export const methodSince: Partial<Record<MethodName, number>> = { abort: 2 };

export interface Request {
  id: number;
  method: MethodName;
  parameters: Parameters<Methods[MethodName]>[0];
}
export type Reply = { id: number; result?: unknown; error?: { message: string } };
export type Notice = { exit: Exit } | { inputClosed: string };

/** Calls `onLine` for each line until it returns true ("the rest is not lines"); what is left is then pushed back. */
export function readLines(socket: Socket, onLine: (line: string) => boolean | undefined): void {
  const decoder = new StringDecoder("utf8");
  let pending = "";
  const onData = (chunk: Buffer) => {
    pending += decoder.write(chunk);
    for (let end = pending.indexOf("\n"); end >= 0; end = pending.indexOf("\n")) {
      const line = pending.slice(0, end);
      pending = pending.slice(end + 1);
      if (onLine(line)) {
        socket.off("data", onData);
        return;
      }
    }
  };
  socket.on("data", onData);
}

/**
 * Reads one line byte-exactly and leaves all that follows unread in the socket, which is then paused.
 * @returns the line, or undefined when the stream ended before one.
 */
export function readFirstLine(socket: Socket): Promise<string | undefined> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const finish = (line: string | undefined) => {
      socket.off("data", onData).off("close", onClose).off("end", onClose);
      socket.pause();
      resolve(line);
    };
    const onClose = () => finish(undefined);
    const onData = (chunk: Buffer) => {
      const end = chunk.indexOf(0x0a);
      chunks.push(end < 0 ? chunk : chunk.subarray(0, end));
      if (end < 0) return;
      const rest = chunk.subarray(end + 1);
      finish(Buffer.concat(chunks).toString());
      if (rest.length > 0) socket.unshift(rest);
    };
    socket.on("data", onData).on("close", onClose).on("end", onClose);
  });
}
