import { conflict, internal, invalid } from "../../errors.ts";
import { isSendable, parseSignal } from "../../formats/signal.ts";
import { setLongTimeout } from "../../sys/long-timeout.ts";
import { isAlive } from "../../sys/process.ts";
import type { Container } from "../container.ts";
import { type Containers, publish, save } from "../containers.ts";
import { letEnd } from "./pause.ts";

export const SIGKILL = 9;
const defaultStopTimeoutSeconds = 10;
/** For a process to end once it was killed: one that sleeps in the kernel does not before it wakes. */
const killTimeoutSeconds = 10;
/** Where the signal to end is one that the kernel does not have. */
const unsentTimeoutSeconds = 2;
/** For a start to come to its end of itself; most take milliseconds. */
const startTimeoutSeconds = 3;

export interface StopOptions {
  signal?: string | undefined;
  /** Before it is killed; -1 waits for ever. */
  timeoutSeconds?: number | undefined;
  /** "stop", the default, keeps it down until a user starts it; after the others it comes up again. */
  purpose?: "stop" | "restart" | "shutdown";
}

/**
 * Asks a container to end and, after the timeout, kills it. What it does stands in the container's queue, but not the waiting: the end
 * is dealt with in the same queue.
 * @returns false when it was not running. @throws EngineError invalid for an unknown signal, internal when not even SIGKILL ends it
 */
export async function stopContainer(
  containers: Containers,
  container: Container,
  options: StopOptions,
): Promise<boolean> {
  const wanted = options.timeoutSeconds ?? container.record.config.StopTimeout ?? defaultStopTimeoutSeconds;
  const keepsDown = (options.purpose ?? "stop") === "stop";
  if (await abortStart(containers, container, keepsDown)) return true;
  const run = await container.enqueue(() => askToEnd(containers, container, options.signal, keepsDown));
  if (!run?.ended) return run !== undefined;
  const timeoutSeconds = run.isAsked ? wanted : shorter(wanted, unsentTimeoutSeconds);
  if (timeoutSeconds < 0) await run.ended;
  else if (!(await within(run.ended, timeoutSeconds))) {
    await container.enqueue(() => {
      // Not the next run, when this one has ended this moment.
      if (container.record.state.Pid === run.pid) kill(containers, container, SIGKILL);
    });
    if (!(await within(run.ended, killTimeoutSeconds))) {
      run.withdraw?.();
      throw unkillable();
    }
  }
  return true;
}

const shorter = (wanted: number, most: number) => (wanted < 0 ? most : Math.min(wanted, most));

interface AskedToEnd {
  pid: number;
  /** Whether there was a signal to send. */
  isAsked?: boolean;
  ended?: Promise<unknown>;
  /** Has its end not announced as a stop. */
  withdraw?: () => void;
}

/** @returns undefined when it does not run; without `ended` when there was no process to wait for */
async function askToEnd(
  containers: Containers,
  container: Container,
  asked: string | undefined,
  keepsDown: boolean,
): Promise<AskedToEnd | undefined> {
  if (!container.can("stop")) return undefined;
  const { state, config } = container.record;
  const signal = parseSignal(asked || config.StopSignal || "SIGTERM");
  if (keepsDown) keepDown(containers, container);
  if (cancelRestart(containers, container)) {
    publish(containers, container, "stop");
    return { pid: 0 };
  }
  const ended = container.wait("next-exit");
  await letEnd(containers, container);
  const withdraw = container.announceStop();
  if (isSendable(signal)) kill(containers, container, signal);
  return { pid: state.Pid, isAsked: isSendable(signal), ended, withdraw };
}

function keepDown(containers: Containers, container: Container): void {
  container.record.stoppedByUser = true;
  save(containers, container);
}

/** A container between two runs has no process to stop, only a timer. */
function cancelRestart(containers: Containers, container: Container): boolean {
  const { state } = container.record;
  if (!state.Restarting) return false;
  clearTimeout(container.restartTimer);
  container.enter("restartCancelled");
  save(containers, container);
  container.notifyExit({ exitCode: state.ExitCode });
  return true;
}

const unkillable = () => internal("tried to kill container, but did not receive an exit event");

/**
 * Ends a start that is under way and does not come to its end: it has no process yet, only an OCI runtime that may hang. Not in the
 * container's queue, which that start holds up.
 * @returns false when there is none any more. @throws EngineError unavailable when the supervisor is too old for it
 */
async function abortStart(
  containers: Containers,
  container: Container,
  keepsDown: boolean,
): Promise<boolean> {
  if (!container.isStarting) return false;
  const isOver = container.enqueue(() => {});
  if (await within(isOver, startTimeoutSeconds)) return false;
  container.starting?.abort(internal("start canceled before the OCI runtime was invoked"));
  await containers.supervisor.call("abort", { process: container.record.id });
  await isOver;
  await container.enqueue(() => {
    if (keepsDown && containers.byId.has(container.record.id)) keepDown(containers, container);
  });
  return true;
}

/** "" is SIGKILL. @throws EngineError invalid */
export function parseKillSignal(text: string): number {
  const signal = parseSignal(text || "KILL");
  if (!isSendable(signal)) throw invalid(`the linux daemon does not support signal ${signal}`);
  return signal;
}

/** @throws EngineError conflict when it does not run, internal when SIGKILL does not end it */
export async function killContainer(
  containers: Containers,
  container: Container,
  signal: number,
): Promise<void> {
  const { state, id, config } = container.record;
  if (endsStart.has(signal) && (await abortStart(containers, container, true))) return;
  const { ended } = await container.enqueue(async () => {
    if (!container.can("kill")) throw conflict(`container ${id} is not running`);
    const stops = signal === SIGKILL || signal === parseSignal(config.StopSignal || "SIGTERM");
    if (stops) keepDown(containers, container);
    if (state.Restarting) {
      if (stops) cancelRestart(containers, container);
      return {};
    }
    const end = signal === SIGKILL ? container.wait("next-exit") : undefined;
    // Where it is frozen by cgroup v1, no signal comes through before.
    const isHeld = stops && !state.Paused;
    if (isHeld) await letEnd(containers, container).catch(() => {});
    kill(containers, container, signal);
    if (stops && !isHeld) await letEnd(containers, container).catch(() => {});
    return { ended: end };
  });
  if (ended && !(await within(ended, killTimeoutSeconds))) throw unkillable();
}

/** What users end things with: SIGHUP, SIGINT, SIGQUIT, SIGKILL and SIGTERM. */
const endsStart = new Set([1, 2, 3, SIGKILL, 15]);

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
  let cancel = () => {};
  const timeout = new Promise<boolean>((resolve) => {
    cancel = setLongTimeout(() => resolve(false), seconds * 1000);
  });
  const inTime = await Promise.race([ended.then(() => true), timeout]);
  cancel();
  return inTime;
}
