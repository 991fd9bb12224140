import { readFileSync } from "node:fs";
import { cpus, loadavg, release, totalmem } from "node:os";
import { formatColumns } from "../src/formats/table.ts";

/** One figure for each engine; smaller is better. */
export interface Row {
  name: string;
  /** "" for a count. */
  unit: "ms" | "kB" | "MB" | "%" | "";
  /** Of how many samples it is the median. */
  samples: number;
  /** By the engine's name. */
  values: Record<string, number>;
}

export interface Verdict {
  goal: string;
  seen: string;
  met: boolean;
}

export interface Results {
  rows: Row[];
  verdicts: Verdict[];
  /** Name and version. */
  engines: { name: string; version: string }[];
  /** Phases of a start, as the daemon's trace tells them. */
  trace: string[];
  seconds: number;
  loadBefore: number;
}

export function formatValue({ unit }: Row, value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return "—";
  if (unit === "") return String(Math.round(value));
  if (unit === "%") return `${value.toFixed(2)} %`;
  return `${value >= 100 ? value.toFixed(0) : value.toFixed(1)} ${unit}`;
}

/** The other engine's figure divided by berth's: how many times better berth is. */
function formatRatio(row: Row, other: string): string {
  const mine = row.values.berth;
  const theirs = row.values[other];
  return mine === undefined || theirs === undefined || mine === 0 ? "—" : `${(theirs / mine).toFixed(1)} ×`;
}

function cells({ rows, engines }: Results): string[][] {
  const others = engines.filter(({ name }) => name !== "berth").map(({ name }) => name);
  const head = ["", "berth", ...others.flatMap((name) => [name, `${name} : berth`]), "samples"];
  const body = rows.map((row) => [
    row.name,
    formatValue(row, row.values.berth),
    ...others.flatMap((name) => [formatValue(row, row.values[name]), formatRatio(row, name)]),
    String(row.samples),
  ]);
  return [head, ...body];
}

export function formatText(results: Results): string {
  const verdicts = results.verdicts.map(({ goal, seen, met }) => [met ? "met" : "NOT met", goal, seen]);
  const align = (lines: string[][]) => formatColumns(lines.map((columns) => columns.join("\t")).join("\n"));
  return `${align(cells(results))}\n\n${align(verdicts)}\n`;
}

export function formatMarkdown(results: Results): string {
  const { engines, verdicts, trace, seconds, loadBefore } = results;
  const model = /^model name\s*: (.*)$/m.exec(readFileSync("/proc/cpuinfo", "latin1"))?.[1] ?? "?";
  const line = (columns: string[]) => `| ${columns.join(" | ")} |`;
  const [head = [], ...body] = cells(results);
  return [
    "# berth beside others",
    "",
    "Written by `npm run bench`. Medians, the engines in turn for each sample (for hundreds of containers, one after the other), the",
    "same docker client on each one's socket; every engine in network, mount and PID namespaces of its own on one machine, its run-time",
    "files in memory. Smaller is better. Other work on the machine moves all figures: read the ratios.",
    "",
    `- ${new Date().toISOString().slice(0, 16).replace("T", " ")} UTC; ${seconds} s in all`,
    `- ${engines.map(({ name, version }) => `${name} ${version}`).join(", ")}; Node ${process.versions.node}; Linux ${release()}`,
    `- ${cpus().length} × ${model}, ${Math.round(totalmem() / 2 ** 30)} GiB; load ${loadBefore.toFixed(1)} before, ${loadavg()[0]?.toFixed(1)} after`,
    "",
    line(head),
    line(head.map((_, index) => (index === 0 ? "---" : "--:"))),
    ...body.map(line),
    "",
    "## Goals",
    "",
    line(["goal", "seen", ""]),
    line(["---", "---", "---"]),
    ...verdicts.map(({ goal, seen, met }) => line([goal, seen, met ? "met" : "**NOT met**"])),
    "",
    "## Where the milliseconds of a start go",
    "",
    "Medians of the daemon's own trace (`BERTH_TRACE=1`).",
    "",
    ...trace,
    "",
  ].join("\n");
}
