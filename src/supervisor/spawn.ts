import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { IdPair } from "../formats/id-mapping.ts";
import type {
  GivenLogOptions,
  ProcessOptions,
  Started,
  StartOptions,
} from "../supervisor-protocol/protocol.ts";
import { startTicks } from "../sys/process.ts";
import type { Trace } from "../trace.ts";
import type { Children } from "./children.ts";
import { createLogSink, type LogSink } from "./log-sink.ts";
import { type RuntimeCall, runRuntime } from "./run-runtime.ts";
import { openPipes, openTerminal, type PendingStdio } from "./stdio.ts";

/** A process that an OCI runtime is to make: a container's own, or one more in a container. */
export interface SpawnInput extends ProcessOptions {
  /** The runtime's command, without the flags that all commands get. */
  command: string[];
  /** The container it is to do that to. */
  container: string;
  rootfs?: StartOptions["rootfs"];
  shm?: StartOptions["shm"];
  shared?: StartOptions["shared"];
  remap?: StartOptions["remap"];
  /** Who may open its input and output again; the machine's root without. */
  owner?: IdPair;
  log?: GivenLogOptions;
  /** For FIFOs and files the runtime writes; of this process alone, and made afresh. */
  folder: string;
  /** For the terminal's socket. */
  consoleFolder: string;
  /** Kills the runtime. */
  signal: AbortSignal;
}

/** One that runs. Its output waits in the pipes until `stdio.begin`. */
interface Spawned {
  started: Started;
  stdio: PendingStdio;
  log: LogSink;
}

/**
 * Call it while `children` keeps exits, since it may end at once.
 * @throws Error in the runtime's words; then nothing is left of it but its folder
 */
export async function spawn(children: Children, input: SpawnInput, trace: Trace): Promise<Spawned> {
  const { folder, rootfs, shm, shared, remap, signal } = input;
  const owner = input.owner ?? remap?.owner;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { mode: 0o700 });
  const pidFile = join(folder, "pid");
  const stdio = input.terminal
    ? openTerminal(input.consoleFolder, folder, input.consoleSize)
    : openPipes(folder, input.openStdin, owner);
  const call: RuntimeCall = {
    runtime: input.runtime,
    arguments: [...input.command, "--pid-file", pidFile, ...stdio.runtimeArguments, input.container],
    logFile: join(folder, "log"),
    fds: stdio.childFds,
    ...(rootfs && { rootfs }),
    ...(shm && { shm }),
    ...(shared && { shared }),
    ...(remap && { remap }),
    signal,
  };
  let log: LogSink | undefined;
  try {
    // Before anything runs: a process whose output cannot be logged must not be started.
    log = createLogSink(input.log);
    trace.mark("pipes");
    await runRuntime(children, call, trace);
    const pid = Number(readFileSync(pidFile, "latin1"));
    return { started: { pid, startTicks: startTicks(pid) ?? 0 }, stdio, log };
  } catch (error) {
    stdio.abandon();
    await log?.end();
    throw error;
  }
}
