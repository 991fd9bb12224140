import { useEffect, useState } from "preact/hooks";
import { send } from "../../api/call.ts";
import { formatBytes } from "../../formats/bytes.ts";
import { type Metric, parseMetrics } from "../../formats/metrics.ts";
import { useWords } from "../../languages/language.ts";
import { TextTable } from "../../parts/facts.tsx";

const intervalMilliseconds = 5000;

/** What the engine has counted since its start: the numbers that Prometheus gets from it. */
export function Metrics() {
  const t = useWords();
  const metrics = useMetrics();
  if (!metrics) return null;
  return (
    <section class="panel">
      <h2>
        {t.metrics} <span class="muted">{t.metricsIntro}</span>
      </h2>
      <TextTable
        label={t.metrics}
        head={[t.name, t.number]}
        rows={metrics
          // Facts that the view shows above.
          .filter(({ name }) => !name.startsWith("engine_daemon_engine_"))
          .map((metric) => [
            <span key="name" title={metric.name}>
              {metric.help} {metric.of && <code>{metric.of}</code>}
            </span>,
            formatMetric(metric, t.onAverage),
          ])}
      />
    </section>
  );
}

/** Asked for again and again while it is shown. A question that fails leaves what was there. */
function useMetrics(): Metric[] | undefined {
  const [metrics, setMetrics] = useState<Metric[]>();
  useEffect(() => {
    const gone = new AbortController();
    const ask = () =>
      send("GET", "/berth/metrics", { signal: gone.signal })
        .then((response) => response.text())
        .then((text) => setMetrics(parseMetrics(text)))
        .catch(() => {});
    void ask();
    const timer = setInterval(ask, intervalMilliseconds);
    return () => {
      clearInterval(timer);
      gone.abort();
    };
  }, []);
  return metrics;
}

function formatMetric({ name, value, meanSeconds }: Metric, onAverage: (text: string) => string): string {
  if (name.endsWith("_bytes")) return formatBytes(value);
  if (name.endsWith("_start_time_seconds")) return new Date(value * 1000).toLocaleString();
  if (name.endsWith("_ratio")) return `${(value * 100).toFixed(2)} %`;
  if (meanSeconds !== undefined) return `${value}, ${onAverage(`${(meanSeconds * 1000).toFixed(1)} ms`)}`;
  if (name.endsWith("_seconds_total")) return `${value.toFixed(1)} s`;
  return String(value);
}
