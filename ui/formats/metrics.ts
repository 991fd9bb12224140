/** Samples of one name and labels in Prometheus's text format: a number, or how often something was done and how long it took in all. */
export interface Metric {
  name: string;
  /** Values of labels, without their names. */
  of: string;
  help: string;
  value: number;
  /** Of a histogram, whose value is the count. */
  meanSeconds?: number;
}

const sample = /^(?<name>[a-zA-Z_:][\w:]*)(?:\{(?<labels>.*)\})? (?<value>\S+)$/;
const label = /(?<key>\w+)="(?<text>(?:[^"\\]|\\.)*)"/g;

/** Lines that are none of the format are passed over, and so are the buckets of histograms. */
export function parseMetrics(text: string): Metric[] {
  const helps = new Map<string, string>();
  const sums = new Map<string, number>();
  const metrics: Metric[] = [];
  for (const line of text.split("\n")) {
    const [, subject, help] = /^# HELP (\S+) (.*)$/.exec(line) ?? [];
    if (subject) helps.set(subject, help ?? "");
    const { name, labels = "", value } = sample.exec(line)?.groups ?? {};
    if (!name || name.endsWith("_bucket")) continue;
    const of = [...labels.matchAll(label)].map(({ groups }) => groups?.text).join(" ");
    if (name.endsWith("_sum")) {
      sums.set(`${name.slice(0, -"_sum".length)} ${of}`, Number(value));
      continue;
    }
    const base = name.replace(/_count$/, "");
    const sum = sums.get(`${base} ${of}`);
    const count = Number(value);
    metrics.push({
      ...{ name: base, of, help: helps.get(base) ?? "", value: count },
      ...(sum !== undefined && count > 0 && { meanSeconds: sum / count }),
    });
  }
  return metrics;
}
