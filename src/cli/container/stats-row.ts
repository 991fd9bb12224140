import { shortId } from "../../formats/digest.ts";
import type { StatsResponse } from "../../formats/docker-api/docker-api-system.ts";
import { type GoStruct, goRow } from "../../formats/go-template/go-template.ts";
import { formatBinarySize, formatSize } from "../../formats/units.ts";

export const statsHeaders = {
  Container: "CONTAINER",
  Name: "NAME",
  ID: "CONTAINER ID",
  CPUPerc: "CPU %",
  MemUsage: "MEM USAGE / LIMIT",
  MemPerc: "MEM %",
  NetIO: "NET I/O",
  BlockIO: "BLOCK I/O",
  PIDs: "PIDS",
};

export function statsRow(
  stats: StatsResponse & { asked: string },
  options: { isTruncated: boolean },
): GoStruct {
  const id = (text: string) => (options.isTruncated && /^[0-9a-f]{64}$/.test(text) ? shortId(text) : text);
  const isRunning = stats.memory_stats.limit !== undefined;
  const unless = (text: () => string, missing: string) => () => (isRunning ? text() : missing);
  const memory = memoryInUse(stats);
  const limit = stats.memory_stats.limit ?? 0;
  return goRow("*container.statsContext", {
    Container: () => id(stats.asked),
    Name: () => (stats.name ?? "").replace(/^\//, "") || "--",
    ID: () => id(stats.id ?? stats.asked),
    CPUPerc: unless(() => `${cpuPercent(stats).toFixed(2)}%`, "--"),
    MemUsage: unless(() => `${formatBinarySize(memory)} / ${formatBinarySize(limit)}`, "-- / --"),
    MemPerc: unless(() => `${(limit > 0 ? (memory / limit) * 100 : 0).toFixed(2)}%`, "--"),
    NetIO: unless(() => formatPair(networkBytes(stats)), "--"),
    BlockIO: unless(() => formatPair(blockBytes(stats)), "--"),
    PIDs: unless(() => String(stats.pids_stats.current ?? 0), "--"),
  });
}

const formatPair = ([a, b]: [number, number]) => `${formatSize(a, 3)} / ${formatSize(b, 3)}`;

/** Share of one CPU: 200 % is two CPUs in full use. */
export function cpuPercent({ cpu_stats: now, precpu_stats: before }: StatsResponse): number {
  const used = now.cpu_usage.total_usage - (before.cpu_usage?.total_usage ?? 0);
  const passed = (now.system_cpu_usage ?? 0) - (before.system_cpu_usage ?? 0);
  const cpus = now.online_cpus || now.cpu_usage.percpu_usage?.length || 1;
  return used > 0 && passed > 0 ? (used / passed) * cpus * 100 : 0;
}

/** Without the page cache that could be given up at once; cgroup v1 and v2 call it differently. */
export function memoryInUse({ memory_stats: memory }: StatsResponse): number {
  const usage = memory.usage ?? 0;
  const cache = memory.stats?.total_inactive_file ?? memory.stats?.inactive_file ?? 0;
  return cache < usage ? usage - cache : usage;
}

function networkBytes(stats: StatsResponse): [number, number] {
  const all = Object.values(stats.networks ?? {});
  return [
    all.reduce((sum, { rx_bytes }) => sum + rx_bytes, 0),
    all.reduce((sum, { tx_bytes }) => sum + tx_bytes, 0),
  ];
}

function blockBytes(stats: StatsResponse): [number, number] {
  const entries = stats.blkio_stats?.io_service_bytes_recursive ?? [];
  const sum = (letter: string) =>
    entries
      .filter(({ op }) => op.toLowerCase().startsWith(letter))
      .reduce((total, { value }) => total + value, 0);
  return [sum("r"), sum("w")];
}
