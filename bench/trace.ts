import { readFileSync } from "node:fs";
import { join } from "node:path";
import { startBerth } from "./berth.ts";
import { docker } from "./engine.ts";
import { benchEventLoop } from "./event-loop.ts";
import type { Archives } from "./images.ts";
import { median } from "./measure.ts";
import type { Row } from "./results.ts";

interface TraceLine {
  trace?: string;
  milliseconds?: Record<string, number>;
}

/** Runs containers in an engine that traces them. @returns a Markdown list of the phases' medians, and how its event loops did */
export async function traceEngine(
  folder: string,
  bundle: string,
  archives: Archives,
): Promise<{ trace: string[]; rows: Row[] }> {
  process.env.BERTH_TRACE = "1";
  const engine = await startBerth(join(folder, "traced"), bundle, { name: "berth-traced" });
  try {
    await docker(engine, ["load", "-q", "-i", archives.busybox]);
    for (let count = 0; count < 20; count++) await docker(engine, ["run", "--rm", "busybox", "true"]);
    await docker(engine, ["run", "-d", "--name", "one", "busybox", "sleep", "100000"]);
    for (let count = 0; count < 20; count++) await docker(engine, ["exec", "one", "true"]);
    const trace = summarize(readFileSync(engine.log, "utf8"));
    await docker(engine, ["rm", "-f", "one"]);
    const rows = await benchEventLoop({ ...engine, name: "berth" }, archives);
    return { trace, rows };
  } finally {
    delete process.env.BERTH_TRACE;
    await engine.stop();
  }
}

function summarize(log: string): string[] {
  const taken = new Map<string, Map<string, number[]>>();
  for (const text of log.split("\n")) {
    if (!text.includes('"milliseconds":')) continue;
    const { trace = "", milliseconds = {} }: TraceLine = JSON.parse(text);
    const phases = taken.get(trace) ?? new Map<string, number[]>();
    taken.set(trace, phases);
    for (const [phase, value] of Object.entries(milliseconds)) {
      phases.set(phase, [...(phases.get(phase) ?? []), value]);
    }
  }
  return [...taken].map(([trace, phases]) => {
    const list = [...phases].map(([phase, values]) => `${phase} ${median(values).toFixed(1)}`);
    return `- ${trace}: ${list.join(", ")} ms`;
  });
}
