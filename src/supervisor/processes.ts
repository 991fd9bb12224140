import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import type { LogEntry } from "../formats/log-entry.ts";
import { startTicks } from "../sys/process.ts";
import { createTrace } from "../trace.ts";
import { Channel } from "./channel.ts";
import { Children } from "./children.ts";
import { watchForeign } from "./foreign.ts";
import { LogFile } from "./log-file.ts";
import type {
  AdoptOptions,
  ExecOptions,
  Exit,
  Held,
  Hello,
  LogOptions,
  Notice,
  ProcessOptions,
  RuntimeCommand,
  Started,
  StartOptions,
} from "./protocol.ts";
import { type RuntimeCall, runRuntime } from "./run-runtime.ts";
import { Starts } from "./starts.ts";
import {
  type OnOutput,
  openPipes,
  openTerminal,
  type PendingStdio,
  reopenPipes,
  reopenTerminal,
  type Stdio,
} from "./stdio.ts";

interface HeldProcess extends Started {
  stdio: Stdio;
  log: LogFile | undefined;
  exit?: Exit;
}

/** The processes the supervisor is parent of, with their input, output and log. */
export class Processes {
  readonly #held = new Map<string, HeldProcess>();
  readonly #channels = new Map<string, Channel>();
  readonly #children = new Children();
  readonly #starts = new Starts();
  readonly #folder: string;
  readonly #spoolFolder: string;
  readonly #notify: (notice: Notice) => void;

  /**
   * @param folder for FIFOs and files the runtime writes; short, on a file system in memory
   * @param spoolFolder on disk
   */
  constructor(folder: string, spoolFolder: string, notify: (notice: Notice) => void) {
    this.#folder = folder;
    this.#spoolFolder = spoolFolder;
    this.#notify = notify;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    mkdirSync(spoolFolder, { recursive: true, mode: 0o700 });
  }

  /** @param asker aborted when nobody waits for it any more: then it fails, soon after */
  start(options: StartOptions, asker: AbortSignal): Promise<Started> {
    const { process, bundle } = options;
    const words = ["run", "--detach", "--bundle", bundle];
    return this.#starts.track({ process, asker }, (signal) =>
      this.#spawn(options, process, words, options, signal),
    );
  }

  /** @param asker as for a start */
  exec(options: ExecOptions, asker: AbortSignal): Promise<Started> {
    const { process, container, processFile, client } = options;
    const words = ["exec", "--detach", "--process", processFile];
    return this.#starts.track({ process, container, asker }, (signal) =>
      this.#spawn(options, container, words, { client }, signal),
    );
  }

  /** Ends a start or an exec that is under way. */
  abort({ process }: { process: string }): void {
    this.#starts.abort(process, "the OCI runtime was killed before it had answered");
  }

  async #spawn(
    options: ProcessOptions,
    target: string,
    words: string[],
    { log, rootfs, shm, client }: Partial<StartOptions> & Pick<ExecOptions, "client">,
    signal: AbortSignal,
  ): Promise<Started> {
    const id = options.process;
    const trace = createTrace();
    const folder = this.#folderOf(id);
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { mode: 0o700 });
    const pidFile = join(folder, "pid");
    const pending: PendingStdio = options.terminal
      ? openTerminal(this.#folder, options.consoleSize)
      : openPipes(folder, options.openStdin);
    const call: RuntimeCall = {
      runtime: options.runtime,
      arguments: [...words, "--pid-file", pidFile, ...pending.runtimeArguments, target],
      logFile: join(folder, "log"),
      fds: pending.childFds,
      ...(rootfs && { rootfs }),
      ...(shm && { shm }),
      signal,
    };
    const logFile = log && openLog(log, pending);
    trace.mark("pipes");
    return this.#children.whileStarting(async () => {
      try {
        await runRuntime(this.#children, call, trace);
      } catch (error) {
        pending.abandon();
        await logFile?.end();
        this.forget({ process: id });
        throw error;
      }
      const pid = Number(readFileSync(pidFile, "latin1"));
      const started: Started = { pid, startTicks: startTicks(pid) ?? 0 };
      if (client) await this.#channel(id).whenAttached(client, signal);
      const stdio = pending.begin((stream, chunk) => this.#onOutput(id, stream, chunk));
      const held = this.#hold(id, { ...started, stdio, log: logFile }, options.terminal);
      this.#children.onExit(pid, ({ exitCode }) => void this.#end(id, held, exitCode));
      trace.mark("take over");
      const phases = trace.end();
      return { ...started, ...lifelineOf(stdio), ...(phases && { phases }) };
    });
  }

  /** Goes on with a process that an earlier supervisor started. */
  adopt(options: AdoptOptions): void {
    if (this.#held.has(options.process)) return;
    const onOutput = (stream: LogEntry["stream"], chunk: Buffer) =>
      this.#onOutput(options.process, stream, chunk);
    const stdio = this.#reopen(options, onOutput);
    const log = options.log && new LogFile(options.log);
    const { pid, startTicks: ticks } = options;
    const held = this.#hold(options.process, { pid, startTicks: ticks, stdio, log }, options.terminal);
    watchForeign(pid, ticks, (exitCode) => void this.#end(options.process, held, exitCode));
  }

  /** A terminal that nobody has kept is lost with the supervisor that had it. */
  #reopen({ process, terminal, lifeline, openStdin }: AdoptOptions, onOutput: OnOutput): Stdio {
    if (!terminal) return reopenPipes(this.#folderOf(process), openStdin, onOutput);
    return lifeline ? reopenTerminal(lifeline, onOutput) : noStdio;
  }

  #hold(id: string, held: HeldProcess, terminal: boolean): HeldProcess {
    const { stdio } = held;
    const closeInput = () => {
      stdio.closeInput();
      this.#notify({ inputClosed: id });
    };
    this.#held.set(id, held);
    this.#channel(id).open({ ...stdio, closeInput }, terminal);
    return held;
  }

  #onOutput(id: string, stream: LogEntry["stream"], chunk: Buffer): void {
    const held = this.#held.get(id);
    this.#channels.get(id)?.send(stream, chunk);
    if (!held?.log || held.log.append(stream, chunk)) return;
    held.stdio.pause();
    void held.log.whenWritten().then(() => held.stdio.resume());
  }

  async #end(id: string, held: HeldProcess, exitCode: number | undefined): Promise<void> {
    const exit: Exit = { process: id, exitCode, at: Date.now() };
    held.exit = exit;
    writeFileSync(join(this.#folderOf(id), "exit"), JSON.stringify(exit));
    this.#starts.abort(id, "the container has ended");
    await held.stdio.finish();
    await held.log?.end();
    this.#channels.get(id)?.close();
    this.#channels.delete(id);
    this.#notify({ exit });
  }

  attach(hello: Extract<Hello, { role: "attach" }>, socket: Socket): void {
    const held = this.#held.get(hello.process);
    if (held?.exit) socket.end();
    else this.#channel(hello.process).attach(hello, socket);
  }

  async runtime(options: { runtime: RuntimeCommand; arguments: string[] }): Promise<void> {
    const logFile = join(this.#folder, `runtime-${process.pid}-${runtimeCount++}`);
    const limit = new AbortController();
    const tooLate = `the OCI runtime ${options.runtime.program} did not answer within ${runtimeSeconds} seconds`;
    const timer = setTimeout(() => limit.abort(new Error(tooLate)), runtimeSeconds * 1000);
    const fds = ["ignore", "ignore", "ignore"] as const;
    try {
      await runRuntime(this.#children, { ...options, logFile, fds: [...fds], signal: limit.signal });
    } finally {
      clearTimeout(timer);
      rmSync(logFile, { force: true });
    }
  }

  closeInput(options: { process: string; client: string }): void {
    this.#channels.get(options.process)?.closeInput(options.client);
  }

  resize(options: { process: string; rows: number; columns: number }): void {
    this.#held.get(options.process)?.stdio.resize(options.rows, options.columns);
  }

  /** What is being started for another than who asks, an earlier daemon, is waited for. */
  async list(asker: AbortSignal): Promise<Held[]> {
    await this.#starts.settleOthers(asker);
    return [...this.#held].map(([id, { pid, startTicks: ticks, stdio, exit }]) => {
      return { process: id, pid, startTicks: ticks, ...(exit ? { exit } : lifelineOf(stdio)) };
    });
  }

  forget(options: { process: string }): void {
    const held = this.#held.get(options.process);
    if (held && !held.exit) return;
    this.#held.delete(options.process);
    this.#channels.get(options.process)?.close();
    this.#channels.delete(options.process);
    rmSync(this.#folderOf(options.process), { recursive: true, force: true });
  }

  get isEmpty(): boolean {
    return this.#held.size === 0;
  }

  /** Nothing runs; there may be exits that nobody has taken note of. */
  get isIdle(): boolean {
    return [...this.#held.values()].every((held) => held.exit);
  }

  #channel(id: string): Channel {
    let channel = this.#channels.get(id);
    if (!channel) {
      channel = new Channel(this.#spoolFolder);
      this.#channels.set(id, channel);
    }
    return channel;
  }

  #folderOf(id: string): string {
    return join(this.#folder, id);
  }
}

let runtimeCount = 0;

/** For what takes a runtime milliseconds: pause, resume, delete. */
const runtimeSeconds = 10;

/** Before anything runs: a process whose output cannot be logged must not be started. */
function openLog(options: LogOptions, pending: PendingStdio): LogFile {
  try {
    return new LogFile(options);
  } catch (error) {
    pending.abandon();
    throw error;
  }
}

function lifelineOf(stdio: Stdio): Pick<Started, "lifeline"> {
  const fd = stdio.lifeline();
  return fd === undefined ? {} : { lifeline: { pid: process.pid, fd } };
}

const noStdio: Stdio = {
  lifeline: () => undefined,
  pause: () => {},
  resume: () => {},
  write: () => true,
  onceWritable: () => {},
  closeInput: () => {},
  resize: () => {},
  finish: async () => {},
};
