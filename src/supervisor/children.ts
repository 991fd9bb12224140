import { close, closeSync } from "node:fs";
import { inPrivateMounts, openMountNamespace } from "../sys/namespaces.ts";
import { type ExitStatus, parentOf, reapAny } from "../sys/process.ts";
import { sealProgram } from "../sys/sealed-program.ts";
import { spawnProcess } from "../sys/spawn.ts";

const unkillableAfterMilliseconds = 2000;
/** A start that hangs has the exits of all orphans kept; what is asked for has ended a moment ago. */
const mostUnclaimed = 4096;

/**
 * All children of this process, those it spawned and the orphans it was given: they are collected in one place, since an
 * OCI runtime leaves helpers of its own behind, which no other process would wait for.
 */
export class Children {
  readonly #waiting = new Map<number, (status: ExitStatus) => void>();
  /** Ended before their exit was asked for, oldest first. Kept only while something is being started. */
  readonly #unclaimed = new Map<number, ExitStatus>();
  #starting = 0;

  constructor() {
    process.on("SIGCHLD", () => this.#reap());
  }

  /**
   * Runs an OCI runtime to its end.
   * @param isolate runs first, in a mount namespace that the program inherits; undefined leaves it in ours
   * @param signal kills it
   * @returns how it ended. @throws SyscallError when it cannot be started; the signal's reason when not even SIGKILL ends it
   */
  async run(
    program: string,
    words: string[],
    fds: (number | "ignore")[],
    isolate: (() => void) | undefined,
    signal: AbortSignal,
  ): Promise<ExitStatus> {
    signal.throwIfAborted();
    const file = sealProgram(program);
    const spawn = () => spawnProcess(program, words, fds, file);
    let mounts: number | undefined;
    const spawnIsolated = (prepare: () => void) => {
      prepare();
      // Open this before spawning: running out of descriptors afterwards would orphan the child.
      const held = openMountNamespace();
      try {
        const child = spawn();
        mounts = held;
        return child;
      } catch (error) {
        closeSync(held);
        throw error;
      }
    };
    const pid = isolate ? inPrivateMounts(() => spawnIsolated(isolate)) : spawn();
    return new Promise((resolve, reject) => {
      const kill = () => {
        // One that sleeps in the kernel dies when it wakes.
        setTimeout(() => reject(signal.reason), unkillableAfterMilliseconds).unref();
        process.kill(-pid, "SIGKILL");
      };
      signal.addEventListener("abort", kill);
      this.onExit(pid, (status) => {
        // The last to leave the namespace waits for the kernel to take it down: not the runtime, and not this thread.
        if (mounts !== undefined) close(mounts, () => {});
        signal.removeEventListener("abort", kill);
        resolve(status);
      });
    });
  }

  /** Keeps the exits of children not known yet from now until `work` is done, which may claim them with `onExit`. */
  async whileStarting<R>(work: () => Promise<R>): Promise<R> {
    this.#starting++;
    try {
      return await work();
    } finally {
      this.#starting--;
      if (this.#starting === 0) this.#unclaimed.clear();
    }
  }

  /** Calls `listener` once, when the child `pid` has ended or at once when it already has. */
  onExit(pid: number, listener: (status: ExitStatus) => void): void {
    const ended = this.#unclaimed.get(pid);
    this.#unclaimed.delete(pid);
    // One that is still there is not the one that had its number before.
    if (ended && parentOf(pid) !== process.pid) listener(ended);
    else this.#waiting.set(pid, listener);
  }

  #reap(): void {
    for (let ended = reapAny(); ended; ended = reapAny()) {
      const listener = this.#waiting.get(ended.pid);
      this.#waiting.delete(ended.pid);
      if (listener) listener(ended);
      else if (this.#starting > 0) this.#keep(ended);
    }
  }

  #keep(ended: ExitStatus & { pid: number }): void {
    this.#unclaimed.delete(ended.pid);
    this.#unclaimed.set(ended.pid, ended);
    for (const oldest of this.#unclaimed.keys()) {
      if (this.#unclaimed.size <= mostUnclaimed) return;
      this.#unclaimed.delete(oldest);
    }
  }
}
