import type { EncodedError } from "../errors.ts";
import type { IdPair } from "../formats/id-mapping.ts";
import type { Overlay } from "../sys/mount.ts";
import type { Phases } from "../trace.ts";
import type { NameMethods, OpenDescriptor } from "./names.ts";
import type { RelayMethods } from "./relays.ts";

/**
 * The protocol between daemon and supervisor: JSON lines over a unix socket. A connection's first line says what it is for
 * (`Hello`), and its answer is a `Welcome`. A control connection then carries requests one way, replies and exits the other. An
 * attach connection is from then on the process's raw input and its output (Docker's frames; raw for a terminal).
 *
 * A supervisor outlives many daemons, so a newer daemon must get on with an older supervisor: it may send only what `Welcome`
 * says that one knows, method by method. The number stands for how connections begin, and changes when that does.
 */
export const protocolVersion = 3;
/** What this code still gets on with. */
export const oldestProtocol = 1;

export type Hello =
  | {
      role: "control";
      protocol: number;
      oldest: number;
      /** Where output is spooled from now on, below the daemon's data root. Earlier versions do not say, and earlier supervisors do not ask. */
      spoolFolder?: string;
    }
  | {
      role: "attach";
      process: string;
      stdin: boolean;
      stdout: boolean;
      stderr: boolean;
      /** Names this connection, for `closeInput`. */
      client: string;
      /** Whether a `closeInput` is to come for it. Earlier versions do not say. */
      closesInput?: boolean;
    };

/** `protocol` is the supervisor's own; not ok when the two have none in common. */
export interface Welcome {
  ok: boolean;
  protocol: number;
  /** What this supervisor can do, by name (`Capability`). Earlier ones tell their number alone. */
  methods?: string[];
}

export interface RuntimeCommand {
  /** The OCI runtime's program, "crun" or a path. */
  program: string;
  /** Its state folder (`--root`). */
  root: string;
  /** Words before all others. */
  firstWords?: readonly string[];
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
  /** Where to mount the overlay for the runtime, and a directory to make in it when it is missing. */
  rootfs: { overlay: Overlay; target: string; ensureDirectory?: string; mountpoints?: string[] };
  /** Another process's /dev/shm, mounted at `target` for the runtime to bind. */
  shm?: { pid: number; target: string };
  /** Paths of the host whose mounts are shared, and the folder in which they are attached as "0", "1", … for the runtime to bind. */
  shared?: { folder: string; sources: string[] };
  /** It runs in a user namespace of its own, in which all that is the engine's shows as it is on the disk (`remap`). */
  remap?: RemapOptions;
  /** The runtime is to ask systemd for the cgroup. */
  systemdCgroup?: boolean;
  /** None without. Earlier versions say it as `GivenLogOptions`. */
  log?: LogOptions;
}

export interface RemapOptions {
  /** Path of the user namespace. */
  userns: string;
  /** The machine's ids for its root. */
  owner: IdPair;
  /** A folder to mount in. */
  folder: string;
  /** Paths whose owners are to be mapped, attached in `folder` as "0", "1", … for the runtime to bind. */
  sources: string[];
}

/** Docker's json-file format in `path`, rotated. */
export interface JsonFileLog {
  driver: "json-file";
  path: string;
  maxSizeBytes: number;
  maxFiles: number;
  /** What each entry says beside its line: the text of a JSON object. */
  attributes?: string;
  /** Whether files that are no longer written are compressed. */
  compress?: boolean;
  /** The process never waits for its log: what comes while this much is to be written is dropped. */
  droppedAboveBytes?: number;
}

/** Where a process's output is kept: by a driver, and what that one needs to know. */
export type LogOptions = JsonFileLog | { driver: "none" };

/** As daemons say it that know no drivers: json-file's options, or nothing for none. */
export type GivenLogOptions = LogOptions | Omit<JsonFileLog, "driver"> | undefined;

export interface ExecOptions extends ProcessOptions {
  container: string;
  /** File with the OCI process object. */
  processFile: string;
  /** An attached client whose connection may still be on its way: nothing of the output is taken before it is there (`exec.client`). */
  client?: string;
  /** The machine's ids for the root of its user namespace, where that is not the machine's own (`remap`). */
  owner?: IdPair;
}

/** A process that is run in a container to its end, for the beginning of its output: a health check. */
export interface ProbeOptions {
  /** Its id. */
  process: string;
  container: string;
  runtime: RuntimeCommand;
  /** File with the OCI process object. Files of its own are made beside it. */
  processFile: string;
  /** The machine's ids for the root of its user namespace, where that is not the machine's own (`remap`). */
  owner?: IdPair;
  /** Counted from when it runs; then it is killed. */
  timeoutMilliseconds: number;
  /** For the runtime to have it run. Absent from an earlier daemon: as much as it has itself. */
  startTimeoutMilliseconds?: number;
  /** What comes after them is dropped. */
  keptOutputBytes: number;
}

export interface Probed {
  exitCode: number;
  /** Of both streams, in the order in which it came. */
  output: string;
  /** There was more output. */
  isCut: boolean;
  /** It was killed since its time was over. */
  isLate: boolean;
  /** That was the time for its start. Absent from an earlier supervisor, which takes both for one. */
  isUnstarted?: boolean;
}

/** A process that was started by an earlier supervisor. */
export interface AdoptOptions {
  process: string;
  pid: number;
  startTicks: number;
  terminal: boolean;
  openStdin: boolean;
  /** None without. Earlier versions say it as `GivenLogOptions`. */
  log?: LogOptions;
  /** If the daemon has kept it. */
  lifeline?: OpenDescriptor;
}

export interface Started {
  pid: number;
  /** 0 when it had ended before that could be read. */
  startTicks: number;
  /** Where the time went, with BERTH_TRACE. */
  phases?: Phases;
  /** What it would notice the closing of: the master of its terminal, or the end of its input that is written to. */
  lifeline?: OpenDescriptor;
}

export interface Exit {
  process: string;
  /** Which of the processes that have borne that name. Absent from a supervisor of an earlier version. */
  pid?: number;
  startTicks?: number;
  /** Undefined when the process ended while no supervisor was there to see it. */
  exitCode: number | undefined;
  /** Milliseconds since the epoch. */
  at: number;
}

export interface ListedProcess extends Started {
  process: string;
  exit?: Exit;
}

/** What is asked about processes. */
export interface ProcessMethods {
  start(options: StartOptions): Started;
  exec(options: ExecOptions): Started;
  /** Answers once it has ended. @throws Error in the runtime's words when it could not be started, or when it was ended by `abort` */
  probe(options: ProbeOptions): Probed;
  adopt(options: AdoptOptions): void;
  /** Runs the runtime to its end with these further arguments. @throws EngineError internal when it refuses or hangs */
  runtime(options: { runtime: RuntimeCommand; arguments: string[] }): void;
  /**
   * Closes a process's input after all that the attached `client` has sent. The end of its connection alone does not: that may
   * also be the end of the daemon.
   */
  closeInput(options: { process: string; client: string }): void;
  resize(options: { process: string; rows: number; columns: number }): void;
  list(options: Record<string, never>): ListedProcess[];
  /** Ends a start, an exec or a probe that is under way, which then fails. */
  abort(options: { process: string }): void;
  /** Drops what is kept of a process that has ended. */
  forget(options: { process: string }): void;
}

/** What is asked of the supervisor as such. */
export interface OwnMethods {
  /** Ends the supervisor if it holds no running process; answers whether it does. */
  shutdown(options: Record<string, never>): boolean;
}

/** Every request: its parameters and its result. */
export type Methods = ProcessMethods & NameMethods & RelayMethods & OwnMethods;
export type MethodName = keyof Methods;

/**
 * By name: methods, options that methods have not had from the first, and drivers of logs. Those that know no drivers write
 * json-file, and only those with "log.details" its later options.
 */
export type Capability =
  | MethodName
  | "exec.client"
  | "start.shared"
  | "remap"
  | "start.systemdCgroup"
  | `log.${LogOptions["driver"]}`
  | "log.details";

export interface Request {
  id: number;
  method: MethodName;
  parameters: Parameters<Methods[MethodName]>[0];
}
/** Earlier supervisors tell the error's message alone, and earlier daemons read nothing else. */
export type MethodReply = { id: number; result?: unknown; error?: EncodedError };
export type Notice = { exit: Exit } | { inputClosed: string };
