import type { Client } from "../client/client.ts";
import type { ContainerSummary } from "../formats/docker-api/docker-api-container.ts";
import type { StatsResponse } from "../formats/docker-api/docker-api-system.ts";
import { type ContainerUsage, usageOf } from "../formats/usage.ts";
import type { EngineLink } from "./engine-link.ts";
import { type Moment, type Rates, ratesOf } from "./rates.ts";
import { toRefusal } from "./refusal.ts";
import type { Feed } from "./streams.ts";

/**
 * Asks the engine what its containers use: every two seconds while a page watches, else once a minute, for the history. One for all pages.
 */
export interface Sampler extends Feed {
  close(): void;
}

const watchedMilliseconds = 2000;
const unwatchedMilliseconds = 60_000;
const longestMilliseconds = 30_000;
const mostAtOnce = 8;

export interface SamplerOptions {
  engine: EngineLink;
  /** Gets each new moment. */
  onMoment(moment: Moment, rates: readonly Rates[]): void;
  /** How long the engine may take for one moment. Shorter in tests. */
  mostMilliseconds?: number;
}

export function createSampler({
  engine,
  onMoment,
  mostMilliseconds = longestMilliseconds,
}: SamplerOptions): Sampler {
  const listeners = new Set<(message: string) => void>();
  let before: Moment | undefined;
  let latest: string | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;
  let isBusy = false;
  /** Undefined while it is not known. */
  let hasAll: boolean | undefined;

  async function readAll(signal: AbortSignal): Promise<ContainerUsage[]> {
    const client = await within(signal, engine.client());
    if (hasAll !== false) {
      try {
        const all = await client.transport.json<ContainerUsage[]>("GET", "/berth/stats", { signal });
        hasAll = true;
        return all;
      } catch (error) {
        if (hasAll || toRefusal(error).status !== 404) throw error;
        hasAll = false;
      }
    }
    return readEach(client, signal);
  }

  async function sample(): Promise<void> {
    if (isBusy || isClosed) return;
    isBusy = true;
    clearTimeout(timer);
    try {
      const moment = { at: Date.now(), all: await readAll(AbortSignal.timeout(mostMilliseconds)) };
      const rates = ratesOf(moment, before);
      before = moment;
      latest = JSON.stringify({ at: moment.at, containers: rates });
      onMoment(moment, rates);
      for (const listener of listeners) listener(latest);
    } catch {
      // Of a new engine all is asked again.
      engine.forget();
      hasAll = undefined;
      before = undefined;
      latest = undefined;
    }
    isBusy = false;
    if (isClosed) return;
    timer = setTimeout(() => void sample(), listeners.size > 0 ? watchedMilliseconds : unwatchedMilliseconds);
    timer.unref();
  }

  void sample();
  return {
    follow(listener) {
      // What is known from a time when no page watched is a minute old.
      if (listeners.size === 0) void sample();
      else if (latest !== undefined) listener(latest);
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close() {
      isClosed = true;
      clearTimeout(timer);
    },
  };
}

/** From an engine that tells each container's alone. One that has just ended is left out. */
async function readEach({ transport }: Client, signal: AbortSignal): Promise<ContainerUsage[]> {
  const waiting = await transport.json<ContainerSummary[]>("GET", "/containers/json", { signal });
  const all: ContainerUsage[] = [];
  const readOn = async () => {
    for (let one = waiting.pop(); one !== undefined; one = waiting.pop()) {
      const { Id: id, Names: [name = ""] = [] } = one;
      const query = { stream: false, "one-shot": true };
      const path = `/containers/${encodeURIComponent(id)}/stats`;
      const stats = await transport
        .json<StatsResponse>("GET", path, { query, signal })
        .catch(() => signal.throwIfAborted());
      const used = stats && usageOf(stats);
      if (used) all.push({ id, name: name.replace(/^\//, ""), ...used });
    }
  };
  await Promise.all(Array.from({ length: mostAtOnce }, readOn));
  return all;
}

/** Waits no longer than the signal allows. What goes on without being waited for has its errors dropped. */
function within<T>(signal: AbortSignal, running: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    running.then(resolve, reject);
  });
}
