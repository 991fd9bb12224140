import { useMemo, useState } from "preact/hooks";
import type { Minute } from "../../../src/ui/rates.ts";
import { Chart } from "../../charts/chart.tsx";
import type { Series } from "../../charts/series.ts";
import { formatBytes, formatPercent } from "../../formats/bytes.ts";
import { useWords, type Words } from "../../languages/language.ts";
import { useResource } from "../../live/resource.ts";
import { type Sample, samples, useUsage } from "../../live/usage.ts";
import { useStore } from "../../store.ts";

type Range = "minutes" | "day" | "week";
const spans: Record<Exclude<Range, "minutes">, number> = { day: 86_400, week: 7 * 86_400 };

/** What all containers use, each of the biggest with a line of its own. */
export function UsageCharts() {
  const t = useWords();
  useUsage();
  const [range, setRange] = useState<Range>("minutes");
  const now = useStore(samples);
  const since = range === "minutes" ? undefined : Math.floor(Date.now() / 60_000) * 60 - spans[range];
  const past = useResource<Minute[]>(since === undefined ? undefined : "/ui/history", [], {
    since: String(since ?? 0),
  });
  const shown = useMemo(
    () => (range === "minutes" ? ofSamples(now, t) : ofMinutes(past.value ?? [], t)),
    [range, now, past.value, t],
  );
  const choices: [Range, string][] = [
    ["minutes", t.lastMinutes],
    ["day", t.lastDay],
    ["week", t.lastWeek],
  ];
  return (
    <section class="usage" aria-label={t.allContainers}>
      <div class="toolbar">
        {choices.map(([name, text]) => (
          <button key={name} type="button" aria-pressed={range === name} onClick={() => setRange(name)}>
            {text}
          </button>
        ))}
        {range !== "minutes" && past.value?.length === 0 && <span class="muted">{t.noHistory}</span>}
      </div>
      <div class="charts">
        {shown.map(({ title, times, series, format }) => (
          <Chart key={title} title={title} times={times} series={series} format={format} />
        ))}
      </div>
    </section>
  );
}

interface Shown {
  title: string;
  times: number[];
  series: Series[];
  format(value: number): string;
}

const mostNamed = 7;

/** The names with the largest sums come first. */
function biggest(sums: Map<string, number>): string[] {
  return [...sums]
    .sort(([, a], [, b]) => b - a)
    .slice(0, mostNamed)
    .map(([name]) => name);
}

function ofSamples(all: readonly Sample[], t: Words): Shown[] {
  const times = all.map(({ at }) => at / 1000);
  const byName = all.map(({ containers }) => new Map(containers.map((one) => [one.name, one])));
  const perContainer = (field: "cpu" | "memory"): Series[] => {
    const sums = new Map<string, number>();
    for (const one of all.flatMap(({ containers }) => containers))
      sums.set(one.name, (sums.get(one.name) ?? 0) + one[field]);
    return biggest(sums).map((label) => ({
      label,
      values: byName.map((found) => found.get(label)?.[field] ?? null),
    }));
  };
  const total = (label: string, field: "received" | "sent" | "read" | "written"): Series => ({
    label,
    values: all.map(({ containers }) => containers.reduce((sum, one) => sum + one[field], 0)),
  });
  return assemble(t, times, perContainer, total);
}

function ofMinutes(minutes: readonly Minute[], t: Words): Shown[] {
  const times = minutes.map(({ at }) => at);
  const perContainer = (field: "cpu" | "memory"): Series[] => {
    const place = field === "cpu" ? 1 : 2;
    const sums = new Map<string, number>();
    for (const one of minutes.flatMap(({ top }) => top))
      sums.set(one[0], (sums.get(one[0]) ?? 0) + one[place]);
    const named = biggest(sums).map((label) => ({
      label,
      values: minutes.map(({ top }) => top.find(([name]) => name === label)?.[place] ?? null),
    }));
    return [{ label: t.all, values: minutes.map((minute) => minute[field]) }, ...named];
  };
  const total = (label: string, field: "received" | "sent" | "read" | "written"): Series => ({
    label,
    values: minutes.map((minute) => minute[field]),
  });
  return assemble(t, times, perContainer, total);
}

function assemble(
  t: Words,
  times: number[],
  perContainer: (field: "cpu" | "memory") => Series[],
  total: (label: string, field: "received" | "sent" | "read" | "written") => Series,
): Shown[] {
  const rate = (value: number) => t.perSecond(formatBytes(value));
  return [
    { title: t.processor, times, series: perContainer("cpu"), format: formatPercent },
    { title: t.memory, times, series: perContainer("memory"), format: formatBytes },
    { title: t.network, times, series: [total("↓", "received"), total("↑", "sent")], format: rate },
    { title: t.disk, times, series: [total("R", "read"), total("W", "written")], format: rate },
  ];
}
