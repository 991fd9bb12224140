/** A start, and the daemon that asked for it. */
export interface StartOf {
  process: string;
  /** The container an exec is for. */
  container?: string;
  /** It ends with its process: no daemon has to know of it. */
  isProbe?: boolean;
  /** Aborted when that daemon is gone. */
  asker: AbortSignal;
}

/** The starts, execs and probes that are under way: an OCI runtime is at work on them, and it may never come to an end. */
export class Starts {
  readonly #underWay = new Map<string, StartOf & { abort(reason: unknown): void; done: Promise<unknown> }>();

  /** @param work its signal kills the runtime; it rejects soon after */
  async track<R>(start: StartOf, work: (signal: AbortSignal) => Promise<R>): Promise<R> {
    const { process, asker } = start;
    const controller = new AbortController();
    const abort = (reason: unknown) => controller.abort(reason);
    const onGone = () => abort(asker.reason);
    asker.addEventListener("abort", onGone);
    const done = work(controller.signal);
    this.#underWay.set(process, { ...start, abort, done });
    try {
      return await done;
    } finally {
      asker.removeEventListener("abort", onGone);
      this.#underWay.delete(process);
    }
  }

  /** Ends the start of a process, and the execs and probes in it. */
  abort(process: string, reason: string): void {
    for (const start of this.#underWay.values())
      if (start.process === process || start.container === process) start.abort(new Error(reason));
  }

  /** Resolves when all that others than `asker` have asked for is through, in a few seconds when they are gone. */
  async settleOthers(asker: AbortSignal): Promise<void> {
    const others = [...this.#underWay.values()].filter((start) => start.asker !== asker && !start.isProbe);
    await Promise.allSettled(others.map(({ done }) => done));
  }
}
