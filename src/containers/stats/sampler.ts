import { setTimeout } from "node:timers/promises";
import type { StatsResponse } from "../../formats/docker-api/docker-api-system.ts";
import { createPauses } from "../../sys/pauses.ts";
import type { Container } from "../container.ts";
import { type Counters, openCounters, type Sample } from "./counters.ts";
import { formatStats, formatStatsLine } from "./stats.ts";

/** @param line of JSON, with its end; undefined when the container has been removed: there is nothing to come */
type Listener = (line: string | undefined) => void;

/** One timer for all that is followed; a container's counters are read once for all that follow it. */
export interface StatsSampler {
  /** Calls the listener every second, whether the container runs or not. @returns what ends it */
  follow(container: Container, listener: Listener): () => void;
  /** Samples it now, and with `isCompared` a second before as well. */
  sample(container: Container, options: { isCompared: boolean; signal: AbortSignal }): Promise<StatsResponse>;
}

interface Followed {
  container: Container;
  listeners: Set<Listener>;
  counters: Counters | undefined;
  before: Sample | undefined;
}

const intervalMilliseconds = 1000;

interface SamplerOptions {
  /** Path of a container's cgroup, from the root of each hierarchy. */
  cgroupOf(container: Container): string;
}

export function createStatsSampler({ cgroupOf }: SamplerOptions): StatsSampler {
  const followed = new Map<string, Followed>();
  let timer: NodeJS.Timeout | undefined;
  let isTicking = false;

  /** A container that was started again has other counters. */
  function read(one: Followed): string {
    const { container } = one;
    if (one.counters && one.counters.pid !== container.record.state.Pid) drop(one);
    one.counters ??= openCounters(container, cgroupOf(container));
    const now = one.counters?.read();
    const line = formatStatsLine(container, now, now && one.before);
    one.before = now;
    return line;
  }

  async function tick(): Promise<void> {
    if (isTicking) return;
    isTicking = true;
    const pauses = createPauses();
    for (const one of followed.values()) {
      const line = one.container.isGone ? undefined : read(one);
      for (const listener of one.listeners) listener(line);
      await pauses.take();
    }
    isTicking = false;
  }

  return {
    follow(container, listener) {
      const { id } = container.record;
      const one = followed.get(id) ?? {
        container,
        listeners: new Set(),
        counters: undefined,
        before: undefined,
      };
      followed.set(id, one);
      one.listeners.add(listener);
      timer ??= setInterval(tick, intervalMilliseconds);
      return () => {
        one.listeners.delete(listener);
        if (one.listeners.size > 0) return;
        drop(one);
        if (followed.get(id) === one) followed.delete(id);
        if (followed.size > 0) return;
        clearInterval(timer);
        timer = undefined;
      };
    },
    async sample(container, { isCompared, signal }) {
      const counters = openCounters(container, cgroupOf(container));
      try {
        const before = counters?.read();
        if (!before || !isCompared) return formatStats(container, before);
        await setTimeout(intervalMilliseconds, undefined, { signal });
        return formatStats(container, counters?.read(), before);
      } finally {
        counters?.close();
      }
    },
  };
}

function drop(one: Followed): void {
  one.counters?.close();
  one.counters = undefined;
  one.before = undefined;
}
