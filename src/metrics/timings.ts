import type { MetricFamily, MetricSample } from "./prometheus.ts";

/** How long actions take: one histogram for each. */
export interface Timings {
  /** Does the work, and counts it under the action's name unless it fails. @throws what the work throws */
  time<T>(action: string, work: () => Promise<T>): Promise<T>;
  family(): MetricFamily;
}

/** Prometheus's usual bounds, in seconds. */
const bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

interface Histogram {
  /** For each bound: how many took at most that long and longer than the bound before. */
  counts: number[];
  count: number;
  sumSeconds: number;
}

/** @param actions are shown from the beginning, with nothing counted */
export function createTimings(name: string, help: string, actions: readonly string[]): Timings {
  const byAction = new Map(actions.map((action) => [action, newHistogram()]));
  return {
    async time(action, work) {
      const begun = performance.now();
      const result = await work();
      const histogram = byAction.get(action) ?? newHistogram();
      byAction.set(action, histogram);
      add(histogram, (performance.now() - begun) / 1000);
      return result;
    },
    family: () => ({
      ...{ name, help, type: "histogram" },
      samples: [...byAction].flatMap(([action, histogram]) => samplesOf(action, histogram)),
    }),
  };
}

const newHistogram = (): Histogram => ({ counts: bounds.map(() => 0), count: 0, sumSeconds: 0 });

function add(histogram: Histogram, seconds: number): void {
  const place = bounds.findIndex((bound) => seconds <= bound);
  if (place >= 0) histogram.counts[place]! += 1;
  histogram.count += 1;
  histogram.sumSeconds += seconds;
}

/** A bucket counts all that are below its bound, those of the buckets before it among them. */
function samplesOf(action: string, { counts, count, sumSeconds }: Histogram): MetricSample[] {
  let below = 0;
  const buckets = bounds.map((bound, place): MetricSample => {
    below += counts[place]!;
    return { suffix: "_bucket", labels: { action, le: String(bound) }, value: below };
  });
  return [
    ...buckets,
    { suffix: "_bucket", labels: { action, le: "+Inf" }, value: count },
    { suffix: "_sum", labels: { action }, value: sumSeconds },
    { suffix: "_count", labels: { action }, value: count },
  ];
}
