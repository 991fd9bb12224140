import { createTimings, type Timings } from "./timings.ts";

export { formatMetrics, type MetricFamily, metricsType } from "./prometheus.ts";

/** What the engine counts of its own work since its start, in dockerd's terms. */
export interface EngineMetrics {
  /** changes, commit, create, delete, start. */
  containerActions: Timings;
  /** allocate, connect, release. */
  networkActions: Timings;
  healthChecks: { run: number; failed: number };
  builds: { begun: number; failedBy: Record<BuildFailure, number> };
  events: { published: number; listeners: number };
}

/** Why a build failed, as dockerd's classic builder has it. */
export type BuildFailure =
  | "build_canceled"
  | "build_target_not_reachable_error"
  | "dockerfile_syntax_error"
  | "error_processing_commands_error";

export function createMetrics(): EngineMetrics {
  return {
    containerActions: createTimings(
      "engine_daemon_container_actions_seconds",
      "How long what is done with containers has taken, in seconds",
      ["changes", "commit", "create", "delete", "start"],
    ),
    networkActions: createTimings(
      "engine_daemon_network_actions_seconds",
      "How long what is done with networks for containers has taken, in seconds",
      ["allocate", "connect", "release"],
    ),
    healthChecks: { run: 0, failed: 0 },
    builds: {
      begun: 0,
      failedBy: {
        build_canceled: 0,
        build_target_not_reachable_error: 0,
        dockerfile_syntax_error: 0,
        error_processing_commands_error: 0,
      },
    },
    events: { published: 0, listeners: 0 },
  };
}
