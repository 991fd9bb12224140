import { writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { copyBundle, startBerth } from "./berth.ts";
import { benchBuilds } from "./builds.ts";
import { benchCli } from "./cli.ts";
import { benchCrowd, benchMultitude, benchRest } from "./crowd.ts";
import { benchDisk } from "./disk.ts";
import { startDockerd } from "./dockerd.ts";
import { type BenchEngine, docker } from "./engine.ts";
import { benchFullStore } from "./full-store.ts";
import { judge } from "./goals.ts";
import { benchImages, makeArchives } from "./images.ts";
import { benchLogs } from "./logs.ts";
import type { Bench } from "./measure.ts";
import { benchNetworks } from "./networks.ts";
import { benchPage } from "./page.ts";
import { startPodman } from "./podman.ts";
import { benchRegistry } from "./registry.ts";
import { formatMarkdown, formatText, type Row } from "./results.ts";
import { benchRun } from "./run.ts";
import { toolsOf } from "./tools.ts";
import { traceEngine } from "./trace.ts";
import { benchTraffic } from "./traffic.ts";
import { benchWatchers } from "./watchers.ts";
import { benchSoak, benchWeight } from "./weight.ts";

/**
 * Measures berth beside dockerd and podman, as far as they are installed, prints the figures and writes bench/results.md.
 * `--only run,crowd,…` measures some nouns, `--alone` only berth; neither then writes results.md. `--soak 10000` runs so many
 * containers as well, tells how memory grows, and has it line by line in bench/soak.log.
 */
const { values: flags } = parseArgs({
  options: { only: { type: "string" }, alone: { type: "boolean" }, soak: { type: "string" } },
});
const soakLog = fileURLToPath(new URL("soak.log", import.meta.url));
const only = flags.only?.split(",");
const begun = Date.now();
const loadBefore = loadavg()[0] ?? 0;
const folder = join(tmpdir(), `berth-bench-${process.pid}`);
const bundle = copyBundle(join(folder, "bundle"));
const engines: BenchEngine[] = [];
const cleanUp = async () => {
  for (const engine of engines.splice(0)) await engine.stop();
};
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => void cleanUp().then(() => process.exit(130)));
}

try {
  const say = (text: string) =>
    process.stderr.write(`bench: ${Math.round((Date.now() - begun) / 1000)} s: ${text}\n`);
  const mine = await startBerth(join(folder, "berth"), bundle);
  engines.push(mine);
  if (!flags.alone) {
    for (const start of [startDockerd, startPodman]) {
      const other = await start(join(folder, start.name)).catch((error: unknown) => void say(String(error)));
      if (other) engines.push(other);
    }
  }
  const archives = await makeArchives(mine, bundle, join(tmpdir(), "berth-bench-images"));
  for (const engine of engines) await docker(engine, ["load", "-q", "-i", archives.busybox]);
  const nouns: Record<string, Bench> = {
    rest: benchRest,
    run: benchRun,
    networks: benchNetworks,
    traffic: benchTraffic,
    crowd: benchCrowd,
    logs: benchLogs,
    images: benchImages(archives),
    disk: benchDisk(archives, folder),
    builds: benchBuilds(folder, archives),
    registry: benchRegistry(archives.debian, join(tmpdir(), "berth-bench-images")),
    cli: () => benchCli(mine, bundle),
    multitude: benchMultitude,
    weight: () => benchWeight(folder, bundle, archives),
    page: () => benchPage(folder, bundle, archives),
    watchers: () => benchWatchers(folder, bundle, archives),
    store: () => benchFullStore(folder, bundle, archives),
    ...(flags.soak && {
      soak: () => benchSoak(folder, bundle, archives, { count: Number(flags.soak), log: soakLog }),
    }),
  };
  const rows: Row[] = [];
  for (const [noun, bench] of Object.entries(nouns)) {
    if (only && !only.includes(noun)) continue;
    say(noun);
    rows.push(...(await bench(engines)));
  }
  const isTraced = !only || only.includes("trace");
  if (isTraced) say("trace");
  const traced = isTraced ? await traceEngine(folder, bundle, archives) : { trace: [], rows: [] };
  rows.push(...traced.rows);
  const results = {
    rows,
    trace: traced.trace,
    loadBefore,
    verdicts: judge(rows),
    engines: [...engines.map(({ name, version }) => ({ name, version })), ...(await toolsOf(rows))],
    seconds: Math.round((Date.now() - begun) / 1000),
  };
  process.stdout.write(`${formatText(results)}\n${traced.trace.join("\n")}\n`);
  const path = fileURLToPath(new URL("results.md", import.meta.url));
  if (!only && !flags.alone) writeFileSync(path, formatMarkdown(results));
} finally {
  await cleanUp();
  const { rm } = await import("node:fs/promises");
  await rm(folder, { recursive: true, force: true });
}
