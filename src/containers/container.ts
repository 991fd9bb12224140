import type { ContainerState } from "../formats/docker-api/docker-api.ts";
import { never, parseTimestamp } from "../formats/timestamp.ts";
import { type Change, can, describePhase, nextPhase, type Operation, type Phase } from "./lifecycle/phase.ts";
import type { Witness } from "./lifecycle/witness.ts";
import type { ContainerRecord } from "./record.ts";

export type { ContainerRecord } from "./record.ts";

export type EndCondition = "not-running" | "next-exit" | "removed";

export interface WaitResult {
  exitCode: number;
  error?: string;
}

/** What comes after the end of a run, instead of what its restart policy says. */
export type Intent = "restart" | "removal";

interface Waiter {
  condition: EndCondition;
  resolve: (result: WaitResult) => void;
}

/** What of a run's want of memory has been announced. */
export interface SeenOom {
  /** Processes killed. */
  kills: number;
  /** Its processes wait for memory. */
  isStuck: boolean;
}

/** A container in memory: its record, the clients that wait for it, and its queue of operations. */
export class Container {
  readonly record: ContainerRecord;
  readonly #waiters = new Set<Waiter>();
  readonly #intents = new Set<{ intent: Intent }>();
  readonly #stops = new Set<object>();
  #last: Promise<unknown> = Promise.resolve();
  restartTimer: NodeJS.Timeout | undefined;
  restartDelayMilliseconds: number | undefined;
  oom: SeenOom | undefined;
  /** Of the start that is under way, which an OCI runtime that hangs may hold up for ever: see `abortStart`. */
  starting: AbortController | undefined;

  /** A commit has its processes stand still, of which its record says nothing. */
  isHeldStill = false;

  /** Of its process, while it has one. */
  witness: Witness | undefined;

  /** Removed: who has found it before may still hold it. */
  isGone = false;

  readonly #restListeners = new Set<() => void>();
  #createdMilliseconds: number | undefined;

  constructor(record: ContainerRecord) {
    this.record = record;
  }

  get isStarting(): boolean {
    return this.starting !== undefined;
  }

  get phase(): Phase {
    return this.record.state.Status;
  }

  /** Since the epoch. */
  get createdMilliseconds(): number {
    this.#createdMilliseconds ??= parseTimestamp(this.record.created) ?? 0;
    return this.#createdMilliseconds;
  }

  can(operation: Operation): boolean {
    return can(this.phase, operation);
  }

  /** Something has happened to it. @throws Error when that cannot be: a mistake of ours */
  enter(change: Change): void {
    const next = nextPhase(this.phase, change);
    if (!next) throw new Error(`a container that is ${this.phase} cannot be ${change}`);
    Object.assign(this.record.state, describePhase(next));
    if (this.record.state.Running) return;
    for (const listener of this.#restListeners) listener();
  }

  /** Calls `listener` each time it has come to rest: it neither runs nor waits for its restart. @returns what ends it */
  onRest(listener: () => void): () => void {
    this.#restListeners.add(listener);
    return () => void this.#restListeners.delete(listener);
  }

  /** Says what an operation under way will do once the present run has ended. @returns what takes it back */
  intend(intent: Intent): () => void {
    const one = { intent };
    this.#intents.add(one);
    return () => void this.#intents.delete(one);
  }

  intends(intent: Intent): boolean {
    return [...this.#intents].some((one) => one.intent === intent);
  }

  /** Has the end of the present run announced as a stop. @returns what takes it back */
  announceStop(): () => void {
    const one = {};
    this.#stops.add(one);
    return () => void this.#stops.delete(one);
  }

  /** @returns one for each stop that is to be announced, now that the run has ended */
  takeStops(): unknown[] {
    const taken = [...this.#stops];
    this.#stops.clear();
    return taken;
  }

  /** Removal has begun, and no other operation may start. */
  get isLeaving(): boolean {
    return this.phase === "removing" || this.intends("removal");
  }

  /** It is to go, or has gone, and must not be stored again by who has found it before. */
  get isMarkedForRemoval(): boolean {
    return this.isGone || this.isLeaving || this.record.state.Dead;
  }

  dropWitness(): void {
    this.witness?.close();
    this.witness = undefined;
  }

  /** Runs `work` after everything that was put in this container's queue before. A failure stops only itself. */
  enqueue<R>(work: () => Promise<R> | R): Promise<R> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => {});
    return result;
  }

  /** Waits for the condition; an abort ends the waiting with the signal's reason. */
  wait(condition: EndCondition, signal?: AbortSignal): Promise<WaitResult> {
    const { state } = this.record;
    if (condition === "not-running" && !state.Running) {
      return Promise.resolve({ exitCode: state.ExitCode, ...(state.Error && { error: state.Error }) });
    }
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { condition, resolve };
      this.#waiters.add(waiter);
      signal?.addEventListener("abort", () => {
        this.#waiters.delete(waiter);
        reject(signal.reason);
      });
    });
  }

  /** As with Docker, a client that waits for the next exit keeps waiting: there was no run that could end. */
  notifyStartFailure(result: WaitResult): void {
    this.#resolve(result, ({ condition }) => condition === "not-running");
  }

  /** It has ended. As with Docker, clients that wait for its end get it, even when it will be restarted. */
  notifyExit(result: WaitResult): void {
    this.#resolve(result, ({ condition }) => condition !== "removed");
  }

  notifyRemoved(result: WaitResult): void {
    this.#resolve(result, () => true);
  }

  notifyNotRemoved(result: WaitResult): void {
    this.#resolve(result, ({ condition }) => condition === "removed");
  }

  #resolve(result: WaitResult, when: (waiter: Waiter) => boolean): void {
    for (const waiter of this.#waiters) {
      if (!when(waiter)) continue;
      this.#waiters.delete(waiter);
      waiter.resolve(result);
    }
  }
}

export const initialState: ContainerState = {
  Status: "created",
  Running: false,
  Paused: false,
  Restarting: false,
  OOMKilled: false,
  Dead: false,
  Pid: 0,
  ExitCode: 0,
  Error: "",
  StartedAt: never,
  FinishedAt: never,
};
