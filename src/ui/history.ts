import { appendFileSync, mkdirSync, readFileSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Minute, Rates } from "./rates.ts";

/** Minutes of the last days, in two files: when the newer is full it becomes the older, and what was older is gone. */
export interface History {
  add(at: number, rates: readonly Rates[]): void;
  /** @param since seconds since 1970 */
  read(since: number): Minute[];
}

/** Some four days in each. */
const mostBytes = 4 << 20;
const mostNamed = 8;
/** As many points as a chart can show. */
const mostPoints = 1500;

/** @param folder undefined where nothing is to be kept: then the last hours stay in memory */
export function openHistory(folder: string | undefined): History {
  const [newer, older] = ["usage.jsonl", "usage-older.jsonl"].map((name) => folder && join(folder, name));
  if (folder) mkdirSync(folder, { recursive: true, mode: 0o700 });
  const minutes = [...readMinutes(older), ...readMinutes(newer)];
  let size = sizeOf(newer);
  /** A line may have been written in part. */
  let isCut = false;
  /** The minute that it is. The clock may have run ahead before, and what is later than now is not shown. */
  let now = Number.POSITIVE_INFINITY;

  function keep(minute: Minute): void {
    minutes.push(minute);
    if (minutes.length > (2 * mostBytes) / 300) minutes.splice(0, 1000);
    try {
      if (newer && older) write(`${isCut ? "\n" : ""}${JSON.stringify(minute)}\n`, newer, older);
      isCut = false;
    } catch {
      // A full disk costs the minutes after a restart, and nothing else.
      isCut = true;
      size = sizeOf(newer);
    }
  }

  function write(line: string, newest: string, before: string): void {
    if (size + line.length > mostBytes) {
      renameSync(newest, before);
      size = 0;
    }
    appendFileSync(newest, line, { mode: 0o600 });
    size += Buffer.byteLength(line);
  }

  return {
    add(milliseconds, rates) {
      const at = Math.floor(milliseconds / 60_000) * 60;
      if (at === now) return;
      now = at;
      if (!minutes.some((one) => one.at === at)) keep(minuteOf(at, rates));
    },
    read(since) {
      const wanted = minutes.filter(({ at }) => at >= since && at <= now).sort((a, b) => a.at - b.at);
      const step = Math.ceil(wanted.length / mostPoints);
      return step > 1 ? wanted.filter((_, index) => index % step === 0) : wanted;
    },
  };
}

function minuteOf(at: number, rates: readonly Rates[]): Minute {
  const sum = (name: "cpu" | "memory" | "received" | "sent" | "read" | "written") =>
    Math.round(rates.reduce((total, one) => total + one[name], 0) * 100) / 100;
  const biggest = (name: "cpu" | "memory") =>
    [...rates].sort((a, b) => b[name] - a[name]).slice(0, mostNamed / 2);
  const top = [...new Set([...biggest("cpu"), ...biggest("memory")])];
  return {
    at,
    cpu: sum("cpu"),
    memory: sum("memory"),
    received: sum("received"),
    sent: sum("sent"),
    read: sum("read"),
    written: sum("written"),
    top: top.map(({ name, cpu, memory }) => [name.slice(0, 64), cpu, memory]),
  };
}

/** A line that was cut off by a crash is left out. */
function readMinutes(path: string | undefined): Minute[] {
  return readText(path)
    .split("\n")
    .flatMap((line) => {
      try {
        const minute: Minute = JSON.parse(line);
        return typeof minute.at === "number" && Array.isArray(minute.top) ? [minute] : [];
      } catch {
        return [];
      }
    });
}

function readText(path: string | undefined): string {
  if (!path || sizeOf(path) > 2 * mostBytes) return "";
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function sizeOf(path: string | undefined): number {
  return path ? (statSync(path, { throwIfNoEntry: false })?.size ?? 0) : 0;
}
