import { conflict, internal } from "../errors.ts";
import { parseSignal } from "../formats/signal.ts";
import { isFrozen } from "../sys/cgroup.ts";
import { isAlive } from "../sys/process.ts";
import { type Container, enterStatus } from "./container.ts";
import { type Containers, publish, save } from "./containers.ts";
import { cgroupOf, runtimeOf } from "./runtime-files.ts";
import { startContainer } from "./start.ts";

const SIGKILL = 9;
const defaultStopTimeoutSeconds = 10;
/** For a process to end once it was killed: one that sleeps in the kernel does not before it wakes. */
const killTimeoutSeconds = 10;
/** For a start to come to its end of itself; most take milliseconds. */
const startTimeoutSeconds = 3;

export interface StopOptions {
  signal?: string | undefined;
  /** Before it is killed; -1 waits for ever. */
  timeoutSeconds?: number | undefined;
}

/**
 * Asks a container to end and, after the timeout, kills it.
 * @returns false when it was not running. @throws EngineError internal when not even that ends it
 */
export async function stopContainer(
  containers: Containers,
  container: Container,
  options: StopOptions,
): Promise<boolean> {
  const { state, config } = container.record;
  const signal = parseSignal(options.signal || config.StopSignal || "SIGTERM");
  const timeoutSeconds = options.timeoutSeconds ?? config.StopTimeout ?? defaultStopTimeoutSeconds;
  if (await abortStart(containers, container)) return true;
  if (!state.Running) return false;
  container.record.stoppedByUser = true;
  if (cancelRestart(containers, container)) return true;
  const ended = container.wait("next-exit");
  if (state.Paused) await unpauseContainer(containers, container);
  kill(containers, container, signal);
  if (timeoutSeconds < 0) await ended;
  else if (!(await within(ended, timeoutSeconds))) {
    kill(containers, container, SIGKILL);
    if (!(await within(ended, killTimeoutSeconds))) throw unkillable();
  }
  await container.enqueue(() => publish(containers, container, "stop"));
  return true;
}

/** A container between two runs has no process to stop, only a timer. */
function cancelRestart(containers: Containers, container: Container): boolean {
  const { state } = container.record;
  if (!state.Restarting) return false;
  clearTimeout(container.restartTimer);
  enterStatus(state, "exited");
  save(containers, container);
  container.notifyExit({ exitCode: state.ExitCode }, false);
  return true;
}

const unkillable = () => internal("tried to kill container, but did not receive an exit event");

/**
 * Ends a start that is under way and does not come to its end: it has no process yet, only an OCI runtime that may hang.
 * @returns false when there is none any more. @throws EngineError unavailable when the supervisor is too old for it
 */
async function abortStart(containers: Containers, container: Container): Promise<boolean> {
  if (!container.isStarting) return false;
  const isOver = container.enqueue(() => {});
  if (await within(isOver, startTimeoutSeconds)) return false;
  container.record.stoppedByUser = true;
  container.starting?.abort(internal("the start was ended before it had come to the OCI runtime"));
  await containers.supervisor.call("abort", { process: container.record.id });
  await isOver;
  return true;
}

/**
 * @throws EngineError conflict when it does not run, invalid for an unknown signal, internal when SIGKILL does not end it
 */
export async function killContainer(
  containers: Containers,
  container: Container,
  signal: string,
): Promise<void> {
  const number = parseSignal(signal || "KILL");
  const { state, id, config } = container.record;
  if (endsStart.has(number) && (await abortStart(containers, container))) return;
  if (!state.Running) throw conflict(`container ${id} is not running`);
  const stops = number === SIGKILL || number === parseSignal(config.StopSignal || "SIGTERM");
  if (stops) container.record.stoppedByUser = true;
  if (state.Restarting) {
    if (stops) cancelRestart(containers, container);
    return;
  }
  const ended = container.wait("next-exit");
  kill(containers, container, number);
  if (state.Paused && stops) await unpauseContainer(containers, container).catch(() => {});
  if (number === SIGKILL && !(await within(ended, killTimeoutSeconds))) throw unkillable();
}

/** What users end things with: SIGHUP, SIGINT, SIGQUIT, SIGKILL and SIGTERM. */
const endsStart = new Set([1, 2, 3, SIGKILL, 15]);

/** Stops it and starts it again; one that does not run is only started. */
export async function restartContainer(
  containers: Containers,
  container: Container,
  options: StopOptions,
): Promise<void> {
  const { hostConfig } = container.record;
  const autoRemove = hostConfig.AutoRemove;
  // A container that removes itself when it ends must live through being restarted.
  hostConfig.AutoRemove = false;
  try {
    await stopContainer(containers, container, options);
    // The stop is known before the exit has been dealt with to the end.
    await container.enqueue(() => {});
  } finally {
    hostConfig.AutoRemove = autoRemove;
  }
  await startContainer(containers, container);
  publish(containers, container, "restart");
}

export function pauseContainer(containers: Containers, container: Container): Promise<void> {
  return container.enqueue(async () => {
    const { state, id } = container.record;
    if (!state.Running || state.Restarting) throw conflict(`container ${id} is not running`);
    if (state.Paused) throw conflict(`container ${id} is already paused`);
    await freeze(containers, container, "pause").catch(async (error: unknown) => {
      await settlePause(containers, container);
      throw error;
    });
    enterStatus(state, "paused");
    save(containers, container);
    publish(containers, container, "pause");
  });
}

export function unpauseContainer(containers: Containers, container: Container): Promise<void> {
  return container.enqueue(async () => {
    const { state, id } = container.record;
    if (!state.Paused) throw conflict(`Container ${id} is not paused`);
    await freeze(containers, container, "resume");
    enterStatus(state, "running");
    save(containers, container);
    publish(containers, container, "unpause");
  });
}

/**
 * Runs `work` while the container's processes stand still. The record says nothing of it, so that whatever happens meanwhile, they
 * run on afterwards.
 */
export async function whileFrozen<R>(
  containers: Containers,
  container: Container,
  work: () => Promise<R>,
): Promise<R> {
  const { state, startTicks } = container.record;
  await container.enqueue(() =>
    freeze(containers, container, "pause").catch((error: unknown) => {
      // One that has ended meanwhile stands still anyway.
      if (isAlive(state.Pid, startTicks)) throw error;
    }),
  );
  try {
    return await work();
  } finally {
    await container
      .enqueue(() => settlePause(containers, container))
      .catch((error: unknown) => {
        containers.logger.warn(
          { error, container: container.record.id },
          "a container may still stand still",
        );
      });
  }
}

/**
 * Makes record and kernel one after a pause, an unpause or a commit that was cut off. In doubt the processes run: one that
 * stands still for no reason known to anybody is worse.
 */
export async function settlePause(containers: Containers, container: Container): Promise<void> {
  const { state } = container.record;
  const frozen = isFrozen(cgroupOf(containers, container));
  if (frozen === state.Paused) return;
  if (frozen) return freeze(containers, container, "resume");
  enterStatus(state, "running");
  save(containers, container);
}

async function freeze(
  containers: Containers,
  container: Container,
  command: "pause" | "resume",
): Promise<void> {
  const { id } = container.record;
  await containers.supervisor.call("runtime", {
    runtime: runtimeOf(containers, container),
    arguments: [command, id],
  });
}

function kill(containers: Containers, container: Container, signal: number): void {
  send(container, signal);
  publish(containers, container, "kill", { signal: String(signal) });
}

/** Signals the container's first process. One that has just ended is no error. */
function send(container: Container, signal: number): void {
  const { record } = container;
  if (!isAlive(record.state.Pid, record.startTicks)) return;
  try {
    process.kill(record.state.Pid, signal);
  } catch {
    // It ended this moment.
  }
}

async function within(ended: Promise<unknown>, seconds: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), seconds * 1000);
  });
  const inTime = await Promise.race([ended.then(() => true), timeout]);
  clearTimeout(timer);
  return inTime;
}
