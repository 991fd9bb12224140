import type { StatsResponse } from "./docker-api/docker-api-system.ts";

/** What a container has used, in numbers that need no further knowledge of kernels. All but memory and processes only grow. */
export interface Usage {
  cpuNanoseconds: number;
  memoryBytes: number;
  /** Of the machine where the container has no limit of its own. */
  memoryLimitBytes: number;
  receivedBytes: number;
  sentBytes: number;
  readBytes: number;
  writtenBytes: number;
  processes: number;
}

/** Undefined for one that does not run. */
export function usageOf(stats: StatsResponse): Usage | undefined {
  const memory = stats.memory_stats ?? {};
  if (memory.usage === undefined) return undefined;
  const networks = Object.values(stats.networks ?? {});
  const blocks = stats.blkio_stats?.io_service_bytes_recursive ?? [];
  const sum = (op: string) =>
    blocks.reduce((total, one) => total + (one.op.toLowerCase() === op ? one.value : 0), 0);
  // Without what the kernel only caches, as `docker stats` counts it.
  const cached = memory.stats?.total_inactive_file ?? memory.stats?.inactive_file ?? 0;
  return {
    cpuNanoseconds: stats.cpu_stats.cpu_usage.total_usage,
    memoryBytes: cached < memory.usage ? memory.usage - cached : memory.usage,
    memoryLimitBytes: memory.limit ?? 0,
    receivedBytes: networks.reduce((total, one) => total + one.rx_bytes, 0),
    sentBytes: networks.reduce((total, one) => total + one.tx_bytes, 0),
    readBytes: sum("read"),
    writtenBytes: sum("write"),
    processes: stats.pids_stats?.current ?? 0,
  };
}

/** An element of `GET /berth/stats`. */
export interface ContainerUsage extends Usage {
  id: string;
  name: string;
}
