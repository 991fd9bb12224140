import { appendFileSync, mkdirSync, rmSync } from "node:fs";
import { loadavg } from "node:os";
import { dirname, join } from "node:path";
import { startBerth } from "./berth.ts";
import { type BenchEngine, docker } from "./engine.ts";
import type { Archives } from "./images.ts";
import { inParallel } from "./measure.ts";
import { memoryBytes, ownMemoryBytes } from "./processes.ts";
import { pullMany } from "./registry.ts";
import type { Row } from "./results.ts";
import { runByApi } from "./run-by-api.ts";

const runs = 1000;
const logMegabytes = 1000;
const line = "0123456789".repeat(10);
/** Threads that have worked end after half of it. */
const restSeconds = 60;

/**
 * What an engine weighs when much has been done with it and nothing is any more: a thousand containers run, an image of many layers
 * pulled, one loaded and saved, a gigabyte of log read.
 */
export async function benchWeight(folder: string, bundle: string, archives: Archives): Promise<Row[]> {
  const engine = await startBerth(join(folder, "weighed"), bundle, { name: "berth-weighed" });
  try {
    await docker(engine, ["load", "-q", "-i", archives.busybox]);
    await inParallel(runs, 2, () => docker(engine, ["run", "--rm", "busybox", "true"]));
    await pullMany(engine, archives.debian, dirname(archives.debian));
    await loadAndSave(engine, archives.debian, join(folder, "saved.tar"));
    await readLog(engine);
    await pause(restSeconds);
    return [row("memory one minute after work (PSS)", memoryBytes(engine.initPid))];
  } finally {
    await engine.stop();
  }
}

const soakBegins = 2000;
const soakStep = 500;

/**
 * How memory grows between the 2,000th run and the last of so many, which are asked for over the API.
 * @param log file that gets a line with the memory after each 500 runs
 */
export async function benchSoak(
  folder: string,
  bundle: string,
  archives: Archives,
  { count, log }: { count: number; log: string },
): Promise<Row[]> {
  const engine = await startBerth(join(folder, "soaked"), bundle, { name: "berth-soaked" });
  try {
    await docker(engine, ["load", "-q", "-i", archives.busybox]);
    const runUntil = async (from: number, to: number) => {
      for (let done = from; done < to; done += soakStep) {
        await inParallel(Math.min(soakStep, to - done), 2, () => runByApi(engine));
        const bytes = ownMemoryBytes(engine.initPid);
        const load = loadavg()[0]?.toFixed(1);
        appendFileSync(
          log,
          `${new Date().toISOString()} ${Math.min(done + soakStep, to)} runs, ${(bytes / 1e6).toFixed(1)} MB, load ${load}\n`,
        );
      }
      return leastBytes(engine);
    };
    const early = await runUntil(0, soakBegins);
    const late = await runUntil(soakBegins, count);
    return [
      row(`memory after ${soakBegins} runs, at rest (PSS without files)`, early),
      row(`memory after ${count} runs, at rest (PSS without files)`, late),
      row("— more than after the first 2000", late - early),
    ];
  } finally {
    await engine.stop();
  }
}

const looks = 18;

/** In three minutes of rest: when the garbage of the last runs is collected is chance. */
async function leastBytes(engine: BenchEngine): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let look = 0; look < looks; look++) {
    await pause(10);
    least = Math.min(least, ownMemoryBytes(engine.initPid));
  }
  return least;
}

function row(name: string, bytes: number): Row {
  return { name, unit: "MB", samples: 1, values: { berth: bytes / 1e6 } };
}

async function loadAndSave(engine: BenchEngine, archive: string, target: string): Promise<void> {
  mkdirSync(dirname(target), { recursive: true });
  await docker(engine, ["load", "-q", "-i", archive]);
  await docker(engine, ["save", "-o", target, "debian"]);
  rmSync(target);
}

async function readLog(engine: BenchEngine): Promise<void> {
  const script = `yes ${line} | head -c ${logMegabytes}000000`;
  const limit = ["--log-opt", "max-size=10g"];
  await docker(engine, ["run", "-d", "--name", "writer", ...limit, "busybox", "sh", "-c", script]);
  await docker(engine, ["wait", "writer"]);
  await docker(engine, ["logs", "writer"], { discardOutput: true });
  await docker(engine, ["rm", "writer"]);
}

const pause = (seconds: number) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));
