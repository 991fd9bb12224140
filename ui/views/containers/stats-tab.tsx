import { useMemo } from "preact/hooks";
import { Chart } from "../../charts/chart.tsx";
import { formatBytes, formatPercent } from "../../formats/bytes.ts";
import { useWords } from "../../languages/language.ts";
import { type Rates, samples, useUsage } from "../../live/usage.ts";
import { useStore } from "../../store.ts";
import type { TabProps } from "./tab.ts";

/** What the container uses, over the last minutes. */
export function StatsTab({ container }: TabProps) {
  const t = useWords();
  useUsage();
  const all = useStore(samples);
  const { times, of } = useMemo(() => {
    const found = all.map((sample) => sample.containers.find(({ id }) => id === container.Id));
    return {
      times: all.map(({ at }) => at / 1000),
      of: (name: keyof Rates) => found.map((one) => (one ? Number(one[name]) : null)),
    };
  }, [all, container.Id]);
  if (!container.State.Running) return <p class="empty">{t.notRunning}</p>;
  const rate = (value: number) => t.perSecond(formatBytes(value));
  return (
    <div class="charts scrolls">
      <Chart
        title={t.processor}
        times={times}
        series={[{ label: "", values: of("cpu") }]}
        format={formatPercent}
      />
      <Chart
        title={t.memory}
        times={times}
        series={[{ label: "", values: of("memory") }]}
        format={formatBytes}
      />
      <Chart
        title={t.network}
        times={times}
        series={[
          { label: "↓", values: of("received") },
          { label: "↑", values: of("sent") },
        ]}
        format={rate}
      />
      <Chart
        title={t.disk}
        times={times}
        series={[
          { label: "R", values: of("read") },
          { label: "W", values: of("written") },
        ]}
        format={rate}
      />
      <Chart
        title={t.processes}
        times={times}
        series={[{ label: "", values: of("processes") }]}
        format={(value) => String(Math.round(value))}
      />
    </div>
  );
}
