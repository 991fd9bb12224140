import { rmSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import { internal, messageOf } from "../errors.ts";
import type {
  AdoptOptions,
  ExecOptions,
  Hello,
  ListedProcess,
  Notice,
  Probed,
  ProbeOptions,
  RuntimeCommand,
  Started,
  StartOptions,
} from "../supervisor-protocol/protocol.ts";
import { createTrace } from "../trace.ts";
import { adopt } from "./adopt.ts";
import type { Children } from "./children.ts";
import { type HeldProcess, HeldProcesses, lifelineOf } from "./held.ts";
import { probeInContainer } from "./probe.ts";
import { runRuntime } from "./run-runtime.ts";
import { type SpawnInput, spawn } from "./spawn.ts";
import { Starts } from "./starts.ts";
import type { Stdio } from "./stdio.ts";

/** What can be asked of the supervisor that concerns processes: how they come (`spawn`, `adopt`), are held, and go. */
export class Processes {
  readonly #held: HeldProcesses;
  readonly #children: Children;
  readonly #starts = new Starts();
  readonly #folder: string;

  /** @see HeldProcesses */
  constructor(children: Children, folder: string, spoolFolder: string, notify: (notice: Notice) => void) {
    this.#children = children;
    this.#folder = folder;
    this.#held = new HeldProcesses(folder, spoolFolder, notify);
  }

  /** @see HeldProcesses.spoolTo */
  spoolTo(folder: string): void {
    this.#held.spoolTo(folder);
  }

  /** @param asker aborted when the daemon that asked is gone; the start fails soon after */
  start({ bundle, systemdCgroup, ...options }: StartOptions, asker: AbortSignal): Promise<Started> {
    const container = options.process;
    const flags = systemdCgroup ? ["--systemd-cgroup"] : [];
    const command = [...flags, "run", "--detach", "--bundle", bundle];
    return this.#starts.track({ process: container, asker }, (signal) =>
      this.#spawn({ ...options, container, command, signal, ...this.#foldersOf(container) }),
    );
  }

  /** @param asker as for a start */
  exec({ processFile, client, ...options }: ExecOptions, asker: AbortSignal): Promise<Started> {
    const { process, container } = options;
    const command = ["exec", "--detach", "--process", processFile];
    return this.#starts.track({ process, container, asker }, (signal) =>
      this.#spawn({ ...options, command, signal, ...this.#foldersOf(process) }, client),
    );
  }

  /** @param asker as for a start */
  probe(options: ProbeOptions, asker: AbortSignal): Promise<Probed> {
    const { process, container } = options;
    return this.#starts.track({ process, container, asker, isProbe: true }, (signal) =>
      probeInContainer(this.#children, options, this.#folder, signal),
    );
  }

  /** Ends a start, an exec or a probe that is under way. */
  abort({ process }: { process: string }): void {
    this.#starts.abort(process, "start canceled: OCI runtime was killed");
  }

  /** @param client an attached client whose connection is waited for before any output is taken */
  #spawn(input: SpawnInput, client?: string): Promise<Started> {
    const { process: id, terminal, signal } = input;
    const trace = createTrace();
    return this.#children.whileStarting(async () => {
      const {
        started,
        stdio: pending,
        log,
      } = await spawn(this.#children, input, trace).catch((error) => {
        this.#held.forget(id);
        throw error;
      });
      let stdio: Stdio;
      try {
        if (client) await this.#held.whenAttached(id, client, signal);
        stdio = pending.begin((stream, chunk) => this.#held.takeOutput(id, stream, chunk));
      } catch (error) {
        pending.abandon();
        await log.end();
        throw error;
      }
      const held: HeldProcess = { ...started, stdio, log };
      this.#held.hold(id, held, terminal);
      this.#children.onExit(started.pid, ({ exitCode }) => this.#end(id, held, exitCode));
      trace.mark("take over");
      const phases = trace.end();
      return { ...started, ...lifelineOf(stdio), ...(phases && { phases }) };
    });
  }

  /** Goes on with a process that an earlier supervisor started. */
  adopt(options: AdoptOptions): void {
    const id = options.process;
    if (!this.#held.runs(id)) adopt(this.#held, options, (held, exitCode) => this.#end(id, held, exitCode));
  }

  #end(id: string, held: HeldProcess, exitCode: number | undefined): void {
    void this.#held.end(id, held, exitCode);
    this.#starts.abort(id, "the container has ended");
  }

  attach(hello: Extract<Hello, { role: "attach" }>, socket: Socket): void {
    this.#held.attach(hello, socket);
  }

  /** @throws EngineError internal in the runtime's words, also when it has not answered in time */
  async runtime(options: { runtime: RuntimeCommand; arguments: string[] }): Promise<void> {
    const logFile = join(this.#folder, `runtime-${process.pid}-${runtimeCount++}`);
    const limit = new AbortController();
    const tooLate = `the OCI runtime ${options.runtime.program} did not answer within ${runtimeSeconds} seconds`;
    const timer = setTimeout(() => limit.abort(new Error(tooLate)), runtimeSeconds * 1000);
    const fds = ["ignore", "ignore", "ignore"] as const;
    try {
      await runRuntime(this.#children, { ...options, logFile, fds: [...fds], signal: limit.signal });
    } catch (error) {
      throw internal(messageOf(error), error);
    } finally {
      clearTimeout(timer);
      rmSync(logFile, { force: true });
    }
  }

  closeInput(options: { process: string; client: string }): void {
    this.#held.closeInput(options.process, options.client);
  }

  resize(options: { process: string; rows: number; columns: number }): void {
    this.#held.resize(options.process, options.rows, options.columns);
  }

  /** Waits for starts that an earlier daemon asked for. */
  async list(asker: AbortSignal): Promise<ListedProcess[]> {
    await this.#starts.settleOthers(asker);
    return this.#held.list();
  }

  forget(options: { process: string }): void {
    this.#held.forget(options.process);
  }

  get isEmpty(): boolean {
    return this.#held.isEmpty;
  }

  get isIdle(): boolean {
    return this.#held.isIdle;
  }

  #foldersOf(id: string): { folder: string; consoleFolder: string } {
    return { folder: this.#held.folderOf(id), consoleFolder: this.#folder };
  }
}

let runtimeCount = 0;

/** For what takes a runtime milliseconds: pause, resume, delete. */
const runtimeSeconds = 10;
