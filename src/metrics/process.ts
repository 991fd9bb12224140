import { readdirSync } from "node:fs";
import { openFilesLimit } from "../sys/process.ts";
import type { MetricFamily } from "./prometheus.ts";

const startedSeconds = performance.timeOrigin / 1000;

/** What the clients of Prometheus report of any process, and how busy this one's event loop has been since the start. */
export function processMetrics(): MetricFamily[] {
  const { user, system } = process.cpuUsage();
  const one = (name: string, type: "counter" | "gauge", help: string, value: number): MetricFamily => {
    return { name, type, help, samples: [{ value }] };
  };
  return [
    one(
      "process_cpu_seconds_total",
      "counter",
      "Processor time of the engine, in seconds",
      (user + system) / 1e6,
    ),
    one("process_max_fds", "gauge", "How many files the engine may have open", openFilesLimit()),
    one(
      "process_open_fds",
      "gauge",
      "How many files the engine has open",
      readdirSync("/proc/self/fd").length,
    ),
    one("process_resident_memory_bytes", "gauge", "The engine's memory, in bytes", process.memoryUsage.rss()),
    one(
      "process_start_time_seconds",
      "gauge",
      "When the engine was started, in seconds since 1970",
      startedSeconds,
    ),
    one(
      "berth_event_loop_busy_ratio",
      "gauge",
      "The part of the time since its start for which the engine's event loop was busy",
      performance.eventLoopUtilization().utilization,
    ),
  ];
}
