import type { EngineEvent } from "../../events/events.ts";
import { parseTimestamp } from "../../formats/timestamp.ts";
import { waitLong } from "../../sys/long-timeout.ts";
import type { Container } from "../container.ts";
import { type Containers, publish, save } from "../containers.ts";
import { delayMilliseconds, type Health, judge, newHealth } from "./judge.ts";
import { type Probe, readProbe, unknownKindOf } from "./probe.ts";
import { runProbe } from "./run-probe.ts";

/** Health checks that are under way, by container. */
type Monitors = Map<string, AbortController>;

/**
 * Has the health of all containers checked that have a check, as long as they run and are not paused.
 * @returns what ends it
 */
export function watchHealth(containers: Containers): () => void {
  const monitors: Monitors = new Map();
  const unsubscribe = containers.events.subscribe((event) => follow(containers, monitors, event));
  for (const container of containers.byId.values()) {
    // It may have ended while there was no daemon.
    if (!resume(containers, monitors, container)) noteUnchecked(containers, container);
  }
  return () => {
    unsubscribe();
    for (const monitor of monitors.values()) monitor.abort();
    monitors.clear();
  };
}

function follow(containers: Containers, monitors: Monitors, { Type, Action, Actor }: EngineEvent): void {
  const container = Type === "container" ? containers.byId.get(Actor.ID) : undefined;
  if (Type !== "container") return;
  if (Action === "die" || Action === "pause" || Action === "destroy") {
    monitors.get(Actor.ID)?.abort();
    monitors.delete(Actor.ID);
    if (container) noteUnchecked(containers, container);
  }
  if (!container) return;
  if (Action === "unpause") resume(containers, monitors, container);
  if (Action === "start") begin(containers, monitors, container);
}

function begin(containers: Containers, monitors: Monitors, container: Container): void {
  const { id, config } = container.record;
  const unknown = unknownKindOf(config);
  if (unknown !== undefined)
    containers.logger.warn(
      { container: id },
      `Unknown healthcheck type '${unknown}' (expected 'CMD') in container ${id}`,
    );
  const isChecked = readProbe(config) !== undefined;
  if (!isChecked && !container.record.state.Health) return;
  if (isChecked) container.record.state.Health = newHealth();
  else delete container.record.state.Health;
  save(containers, container);
  resume(containers, monitors, container);
}

/** As Docker, without a word: what is not checked any more is healthy for none who wait for that or filter by it. */
function noteUnchecked(containers: Containers, container: Container): void {
  const health = container.record.state.Health;
  if (!health || health.Status === "unhealthy") return;
  container.record.state.Health = { ...health, Status: "unhealthy" };
  save(containers, container);
}

/** @returns false for one that is not to be checked now */
function resume(containers: Containers, monitors: Monitors, container: Container): boolean {
  const { record } = container;
  const probe = readProbe(record.config);
  monitors.get(record.id)?.abort();
  if (!probe || record.state.Pid === 0 || record.state.Paused) return false;
  const monitor = new AbortController();
  monitors.set(record.id, monitor);
  checkAgain(containers, container, probe, monitor.signal).catch((error: unknown) => {
    if (!monitor.signal.aborted)
      containers.logger.error({ error, container: record.id }, "health checks have ended");
  });
  return true;
}

/** One probe after the other, until the signal. */
async function checkAgain(
  containers: Containers,
  container: Container,
  probe: Probe,
  signal: AbortSignal,
): Promise<void> {
  const { record } = container;
  for (;;) {
    const health = record.state.Health ?? newHealth();
    const age = Date.now() - (parseTimestamp(record.state.StartedAt) ?? 0);
    await waitLong(delayMilliseconds(health, probe, age), signal);
    if (signal.aborted) return;
    const result = await runProbe(containers, container, probe, signal);
    // What has ended with its container says nothing of it.
    if (signal.aborted) return;
    if (!result) continue;
    containers.metrics.healthChecks.run++;
    if (result.ExitCode !== 0) containers.metrics.healthChecks.failed++;
    note(containers, container, judge(record.state.Health ?? health, result, probe, record.state.StartedAt));
  }
}

function note(containers: Containers, container: Container, health: Health): void {
  const before = container.record.state.Health?.Status;
  container.record.state.Health = health;
  save(containers, container);
  if (health.Status !== before) publish(containers, container, `health_status: ${health.Status}`);
}
