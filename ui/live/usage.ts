import { useEffect } from "preact/hooks";
import type { Rates } from "../../src/ui/rates.ts";
import { openLive } from "../api/stream.ts";
import { createStore } from "../store.ts";

export type { Rates };

/** What all use, at the last moment that is known. */
export interface Sample {
  /** Milliseconds since 1970. */
  at: number;
  containers: readonly Rates[];
}

/** The samples since the page watches, the oldest first: ten minutes at most. */
export const samples = createStore<readonly Sample[]>([]);
/** The newest, by container. */
export const usage = createStore<ReadonlyMap<string, Rates>>(new Map());

const mostSamples = 300;
const retryMilliseconds = 3000;
let watchers = 0;
let stop = () => {};

/** Has the numbers come while a view that shows them is open. */
export function useUsage(): void {
  useEffect(() => {
    if (watchers++ === 0) stop = watch();
    return () => {
      if (--watchers === 0) stop();
    };
  }, []);
}

function watch(): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const open = () =>
    openLive({
      onText: take,
      onEnd() {
        timer = setTimeout(() => {
          stream = open();
        }, retryMilliseconds);
      },
    });
  let stream = open();
  return () => {
    clearTimeout(timer);
    stream.close();
  };
}

function take(text: string): void {
  const sample: Sample = JSON.parse(text);
  samples.set([...samples.get().filter(({ at }) => at < sample.at), sample].slice(-mostSamples));
  usage.set(new Map(sample.containers.map((one) => [one.id, one])));
}
