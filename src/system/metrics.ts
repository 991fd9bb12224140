import { cpus, machine, release, totalmem } from "node:os";
import type { Containers } from "../containers/containers.ts";
import type { ContainerRecord } from "../containers/record.ts";
import { version } from "../formats/version.ts";
import { formatMetrics, type MetricFamily } from "../metrics/metrics.ts";
import { processMetrics } from "../metrics/process.ts";
import { readOs } from "./info.ts";

/** What the engine has counted, in Prometheus's text format, under dockerd's names (`metrics-addr`). */
export function describeMetrics(containers: Containers, engineId: string): string {
  const { containerActions, networkActions } = containers.metrics;
  return formatMetrics([
    ...buildMetrics(containers),
    containerActions.family(),
    containerStates(containers),
    ...machineMetrics(engineId),
    ...eventMetrics(containers),
    ...healthMetrics(containers),
    networkActions.family(),
    ...processMetrics(),
  ]);
}

function buildMetrics({ metrics: { builds } }: Containers): MetricFamily[] {
  return [
    {
      ...{ name: "builder_builds_failed_total", help: "Builds that failed, by reason", type: "counter" },
      samples: Object.entries(builds.failedBy).map(([reason, value]) => ({ labels: { reason }, value })),
    },
    counter("builder_builds_triggered_total", "Builds that were begun", builds.begun),
  ];
}

function containerStates({ byId }: Containers): MetricFamily {
  const counts = { paused: 0, running: 0, stopped: 0 };
  for (const { record } of byId.values()) counts[stateOf(record.state)]++;
  return {
    name: "engine_daemon_container_states_containers",
    help: "Containers by state",
    type: "gauge",
    samples: Object.entries(counts).map(([state, value]) => ({ labels: { state }, value })),
  };
}

/** One that waits for its restart is stopped. */
function stateOf({
  Paused,
  Running,
  Restarting,
}: ContainerRecord["state"]): "paused" | "running" | "stopped" {
  if (Paused) return "paused";
  return Running && !Restarting ? "running" : "stopped";
}

function machineMetrics(engineId: string): MetricFamily[] {
  const labels = {
    architecture: machine(),
    commit: "",
    daemon_id: engineId,
    graphdriver: "overlay2",
    kernel: release(),
    os: readOs("PRETTY_NAME"),
    os_type: "linux",
    os_version: readOs("VERSION_ID"),
    version,
  };
  const info = "What the engine is, and what it runs on";
  return [
    gauge("engine_daemon_engine_cpus_cpus", "Processors of the machine", cpus().length),
    { name: "engine_daemon_engine_info", help: info, type: "gauge", samples: [{ labels, value: 1 }] },
    gauge("engine_daemon_engine_memory_bytes", "Memory of the machine, in bytes", totalmem()),
  ];
}

function eventMetrics({ metrics: { events } }: Containers): MetricFamily[] {
  return [
    gauge("engine_daemon_events_subscribers_total", "Clients that listen to events", events.listeners),
    counter("engine_daemon_events_total", "Events since the start", events.published),
  ];
}

function healthMetrics({ metrics: { healthChecks } }: Containers): MetricFamily[] {
  const { run, failed } = healthChecks;
  return [
    counter("engine_daemon_health_checks_failed_total", "Health checks that failed", failed),
    counter("engine_daemon_health_checks_total", "Health checks that were run", run),
  ];
}

const counter = (name: string, help: string, value: number) => single("counter", name, help, value);
const gauge = (name: string, help: string, value: number) => single("gauge", name, help, value);
const single = (type: "counter" | "gauge", name: string, help: string, value: number): MetricFamily => ({
  ...{ name, help, type },
  samples: [{ value }],
});
