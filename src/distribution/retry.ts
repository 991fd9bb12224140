import { setTimeout as sleep } from "node:timers/promises";
import { parseRetryAfter } from "../formats/retry-after.ts";

/** Around an error that may not come again. */
export class TransientError extends Error {
  override readonly cause: Error;
  /** When the server wants to be asked again. */
  readonly afterSeconds: number | undefined;

  constructor(cause: Error, afterSeconds?: number) {
    super(cause.message);
    this.name = "TransientError";
    this.cause = cause;
    this.afterSeconds = afterSeconds;
  }
}

const firstPauseSeconds = 0.25;
const longestPauseSeconds = 60;

/** Whether a status stands for a state that passes. */
export function isTransient(status: number): boolean {
  return status === 429 || status === 408 || (status >= 500 && status !== 501 && status !== 505);
}

/** Counts the attempts at one piece of work and waits between them. */
export interface Attempts {
  /** Waits before the next attempt. @throws `error`'s cause when there have been enough, or anything that is not transient */
  next(error: unknown): Promise<void>;
  /** It got further, so the count starts over. */
  progressed(): void;
}

export function countAttempts(most: number, signal?: AbortSignal): Attempts {
  let failures = 0;
  return {
    async next(error) {
      if (!(error instanceof TransientError) || signal?.aborted) throw error;
      // Who wants to be left alone for an hour is not waited for.
      if (++failures >= most || (error.afterSeconds ?? 0) > longestPauseSeconds) throw error.cause;
      // Half of it by chance, so that many clients do not come back in step.
      const pause = firstPauseSeconds * 2 ** (failures - 1) * (0.5 + Math.random());
      await sleep((error.afterSeconds ?? pause) * 1000, undefined, signal ? { signal } : {});
    },
    progressed() {
      failures = 0;
    },
  };
}

/** Seconds until the time in a `Retry-After` header. */
export function retryAfterSeconds(headers: Record<string, string>): number | undefined {
  return parseRetryAfter(headers["retry-after"], Date.now());
}
