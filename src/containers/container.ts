import type {
  ContainerConfig,
  ContainerState,
  EndpointSettings,
  HostConfig,
  PortMap,
} from "../formats/docker-api.ts";
import { never } from "../formats/timestamp.ts";
import type { ResolvedMount } from "../volumes/volumes.ts";

/** What is kept of a container. */
export interface ContainerRecord {
  id: string;
  name: string;
  created: string;
  args: string[];
  imageId: string;
  config: ContainerConfig;
  hostConfig: HostConfig;
  state: ContainerState;
  /** With state.Pid and bootId it names the process for good. */
  startTicks: number;
  bootId: string;
  restartCount: number;
  stoppedByUser: boolean;
  mounts: ResolvedMount[];
  /** Its anonymous volumes go with it: said when its removal begins. */
  removesVolumes?: boolean;
  /** As asked for at creation. */
  endpointsConfig: Record<string, EndpointSettings>;
  /** As they are while it runs. */
  endpoints: Record<string, EndpointSettings>;
  ports: PortMap;
}

export type WaitCondition = "not-running" | "next-exit" | "removed";

export interface WaitResult {
  exitCode: number;
  error?: string;
}

interface Waiter {
  condition: WaitCondition;
  resolve: (result: WaitResult) => void;
}

/** A container in memory: its record, who waits for it, and the queue of what is done to it. */
export class Container {
  readonly record: ContainerRecord;
  readonly #waiters = new Set<Waiter>();
  #last: Promise<unknown> = Promise.resolve();
  restartTimer: NodeJS.Timeout | undefined;
  restartDelayMilliseconds: number | undefined;
  /** The health of the queue: set from the moment removal begins, so that nothing else begins. */
  removing = false;
  /** Of the start that is under way, which an OCI runtime that hangs may hold up for ever: see `abortStart`. */
  starting: AbortController | undefined;

  constructor(record: ContainerRecord) {
    this.record = record;
  }

  get isStarting(): boolean {
    return this.starting !== undefined;
  }

  /** Runs `work` after everything that was put in this container's queue before. A failure stops only itself. */
  enqueue<R>(work: () => Promise<R> | R): Promise<R> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => {});
    return result;
  }

  /** Waits for the condition; an abort ends the waiting with the signal's reason. */
  wait(condition: WaitCondition, signal?: AbortSignal): Promise<WaitResult> {
    const { state } = this.record;
    if (condition === "not-running" && !state.Running && !state.Restarting) {
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

  /** As with Docker, who waits for the next exit goes on waiting: there was no run that could end. */
  notifyStartFailure(result: WaitResult): void {
    this.#resolve(result, ({ condition }) => condition === "not-running");
  }

  /** It has ended. */
  notifyExit(result: WaitResult, willRestart: boolean): void {
    this.#resolve(
      result,
      ({ condition }) => condition === "next-exit" || (condition === "not-running" && !willRestart),
    );
  }

  notifyRemoved(result: WaitResult): void {
    this.#resolve(result, () => true);
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

/** The fields that change with the status. */
export function enterStatus(state: ContainerState, status: ContainerState["Status"]): void {
  state.Status = status;
  state.Running = status === "running" || status === "paused" || status === "restarting";
  state.Paused = status === "paused";
  state.Restarting = status === "restarting";
  state.Dead = status === "dead";
}
