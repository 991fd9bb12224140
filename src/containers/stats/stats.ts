import type { CpuStats, StatsResponse } from "../../formats/docker-api/docker-api-system.ts";
import { never } from "../../formats/timestamp.ts";
import { cgroupLayout } from "../../sys/cgroup.ts";
import type { CgroupUsage } from "../../sys/cgroup-usage.ts";
import { type InterfaceUsage, readMachineMemory } from "../../sys/machine-usage.ts";
import type { Container } from "../container.ts";
import type { Sample, Used } from "./counters.ts";

/**
 * As `GET /containers/{id}/stats` has it: what was used up to now, and what the processors had done at the sample before. Of a
 * container that does not run its name alone is known.
 */
export const formatStats = (container: Container, now?: Sample, before?: Sample): StatsResponse => ({
  ...formatTimes(container, now, before),
  ...formatUsed(now?.used),
});

const lines = new WeakMap<Used, string>();

/** The same as a line of JSON. What has been used is written again only once it has changed. */
export function formatStatsLine(container: Container, now?: Sample, before?: Sample): string {
  const rest = (now && lines.get(now.used)) ?? JSON.stringify(formatUsed(now?.used)).slice(1);
  if (now) lines.set(now.used, rest);
  return `${JSON.stringify(formatTimes(container, now, before)).slice(0, -1)},${rest}\n`;
}

/** What is another with each sample. */
const formatTimes = ({ record }: Container, now?: Sample, before?: Sample) => ({
  name: `/${record.name}`,
  id: record.id,
  read: now?.at ?? never,
  preread: before?.at ?? never,
  cpu_stats: formatCpu(now),
  precpu_stats: formatCpu(before),
});

const formatUsed = (used: Used | undefined) => ({
  pids_stats: used?.cgroup.pids ?? {},
  blkio_stats: formatBlocks(used?.cgroup.blocks),
  num_procs: 0,
  storage_stats: {},
  memory_stats: formatMemory(used?.cgroup.memory),
  ...(used?.interfaces?.length && { networks: formatInterfaces(used.interfaces) }),
});

function formatCpu(sample: Sample | undefined): CpuStats {
  const cpu = sample?.used.cgroup.cpu;
  return {
    cpu_usage: {
      total_usage: cpu?.totalNanoseconds ?? 0,
      ...(cpu?.perCpuNanoseconds && { percpu_usage: cpu.perCpuNanoseconds }),
      usage_in_kernelmode: cpu?.kernelNanoseconds ?? 0,
      usage_in_usermode: cpu?.userNanoseconds ?? 0,
    },
    ...(sample && {
      system_cpu_usage: sample.machine.nanoseconds,
      online_cpus: sample.machine.processors,
    }),
    throttling_data: {
      periods: cpu?.periods ?? 0,
      throttled_periods: cpu?.throttledPeriods ?? 0,
      throttled_time: cpu?.throttledNanoseconds ?? 0,
    },
  };
}

/** A limit above the machine's memory is none. */
function formatMemory(memory: CgroupUsage["memory"]): StatsResponse["memory_stats"] {
  if (!memory) return {};
  const { usageBytes, largestUsageBytes, stat, limitBytes } = memory;
  return {
    usage: usageBytes,
    ...(largestUsageBytes !== undefined && { max_usage: largestUsageBytes }),
    stats: stat,
    limit: Math.min(limitBytes, readMachineMemory()),
  };
}

function formatBlocks(blocks: CgroupUsage["blocks"] | undefined): StatsResponse["blkio_stats"] {
  const entries = (value: "bytes" | "count") =>
    blocks?.map(({ major, minor, operation: op, [value]: number }) => ({
      major,
      minor,
      op,
      value: number,
    })) ?? null;
  const none = blocks && cgroupLayout() !== "v2" ? [] : null;
  return {
    io_service_bytes_recursive: entries("bytes"),
    io_serviced_recursive: entries("count"),
    io_queue_recursive: none,
    io_service_time_recursive: none,
    io_wait_time_recursive: none,
    io_merged_recursive: none,
    io_time_recursive: none,
    sectors_recursive: none,
  };
}

function formatInterfaces(interfaces: readonly InterfaceUsage[]): NonNullable<StatsResponse["networks"]> {
  return Object.fromEntries(
    interfaces.map(({ name, received, sent }) => [
      name,
      {
        rx_bytes: received.bytes,
        rx_packets: received.packets,
        rx_errors: received.errors,
        rx_dropped: received.dropped,
        tx_bytes: sent.bytes,
        tx_packets: sent.packets,
        tx_errors: sent.errors,
        tx_dropped: sent.dropped,
      },
    ]),
  );
}
