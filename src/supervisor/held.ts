import { mkdirSync, rmSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import type { LogEntry } from "../formats/log-entry.ts";
import type { Exit, Hello, ListedProcess, Notice, Started } from "../supervisor-protocol/protocol.ts";
import { Channel } from "./channel.ts";
import { keepExit, readKeptExits } from "./exits.ts";
import { createLogSink, type LogSink } from "./log-sink.ts";
import { noStdio, type Stdio } from "./stdio.ts";

export interface HeldProcess extends Started {
  stdio: Stdio;
  log: LogSink;
  exit?: Exit;
}

/** The processes that run, those that have ended and are not forgotten yet, and the clients attached to them. */
export class HeldProcesses {
  readonly #held = new Map<string, HeldProcess>();
  /** There may be one before there is the process. */
  readonly #channels = new Map<string, Channel>();
  readonly #folder: string;
  #spoolFolder: string;
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
    for (const exit of readKeptExits(folder)) {
      this.#held.set(exit.process, {
        pid: 0,
        startTicks: 0,
        exit,
        stdio: noStdio,
        log: createLogSink(undefined),
      });
    }
  }

  /** Has the output for clients of processes to come be spooled there: a systemd unit knows no data root. */
  spoolTo(folder: string): void {
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      this.#spoolFolder = folder;
    } catch (error) {
      console.error(error);
    }
  }

  /** For all that belongs to one process. */
  folderOf(id: string): string {
    return join(this.#folder, id);
  }

  /** False also for one whose exit is all that is left of it. */
  runs(id: string): boolean {
    const held = this.#held.get(id);
    return held !== undefined && !held.exit;
  }

  /** From now on the supervisor handles its input and output. */
  hold(id: string, held: HeldProcess, terminal: boolean): void {
    const { stdio } = held;
    const closeInput = () => {
      stdio.closeInput();
      this.#notify({ inputClosed: id });
    };
    this.#held.set(id, held);
    this.#channel(id).open({ ...stdio, closeInput }, terminal);
  }

  takeOutput(id: string, stream: LogEntry["stream"], chunk: Buffer): void {
    const held = this.#held.get(id);
    this.#channels.get(id)?.send(stream, chunk);
    if (!held || held.log.append(stream, chunk)) return;
    held.stdio.pause();
    void held.log.whenWritten().then(() => held.stdio.resume());
  }

  /** It has ended: the rest of its output goes to log and clients, then the exit to the daemon. */
  async end(id: string, held: HeldProcess, exitCode: number | undefined): Promise<void> {
    const { pid, startTicks } = held;
    const exit: Exit = { process: id, pid, startTicks, exitCode, at: Date.now() };
    held.exit = exit;
    keepExit(this.#folder, exit);
    await held.stdio.finish();
    await held.log.end();
    this.#closeChannel(id);
    this.#notify({ exit });
  }

  forget(id: string): void {
    const held = this.#held.get(id);
    if (held && !held.exit) return;
    this.#held.delete(id);
    this.#closeChannel(id);
    rmSync(this.folderOf(id), { recursive: true, force: true });
  }

  attach(hello: Extract<Hello, { role: "attach" }>, socket: Socket): void {
    const held = this.#held.get(hello.process);
    if (held?.exit) socket.end();
    else this.#channel(hello.process).attach(hello, socket);
  }

  /** Resolves when the client of that name is attached, or when `signal` is aborted since it won't come any more. */
  whenAttached(id: string, client: string, signal: AbortSignal): Promise<void> {
    return this.#channel(id).whenAttached(client, signal);
  }

  closeInput(id: string, client: string): void {
    this.#channels.get(id)?.closeInput(client);
  }

  resize(id: string, rows: number, columns: number): void {
    this.#held.get(id)?.stdio.resize(rows, columns);
  }

  list(): ListedProcess[] {
    return [...this.#held].map(([id, { pid, startTicks, stdio, exit }]) => {
      return { process: id, pid, startTicks, ...(exit ? { exit } : lifelineOf(stdio)) };
    });
  }

  get isEmpty(): boolean {
    return this.#held.size === 0;
  }

  /** Nothing runs. There may be exits that no daemon has recorded yet. */
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

  #closeChannel(id: string): void {
    this.#channels.get(id)?.close();
    this.#channels.delete(id);
  }
}

/** Where it is, so that the daemon can keep a copy. */
export function lifelineOf(stdio: Stdio): Pick<Started, "lifeline"> {
  const fd = stdio.lifeline();
  return fd === undefined ? {} : { lifeline: { pid: process.pid, fd } };
}
