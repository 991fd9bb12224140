import { parseTimestamp } from "../../formats/timestamp.ts";
import type { ContainerRecord } from "../container.ts";
import type { Probe } from "./probe.ts";

export type Health = NonNullable<ContainerRecord["state"]["Health"]>;
export type HealthResult = Health["Log"][number];

/** As many results as inspect shows. */
const keptResults = 5;

export const newHealth = (): Health => ({ Status: "starting", FailingStreak: 0, Log: [] });

/** What a container's health is after one more probe. */
export function judge(health: Health, result: HealthResult, probe: Probe, startedAt: string): Health {
  const Log = [...health.Log, result].slice(-keptResults);
  if (result.ExitCode === 0) return { Status: "healthy", FailingStreak: 0, Log };
  const age = (parseTimestamp(result.Start) ?? 0) - (parseTimestamp(startedAt) ?? 0);
  const isExcused = health.Status === "starting" && age < probe.startPeriodMilliseconds;
  const FailingStreak = health.FailingStreak + (isExcused ? 0 : 1);
  const Status = FailingStreak >= probe.retries ? "unhealthy" : health.Status;
  return { Status, FailingStreak, Log };
}

/** How long until the next probe. */
export function delayMilliseconds(health: Health, probe: Probe, ageMilliseconds: number): number {
  const isStarting = health.Status === "starting" && ageMilliseconds < probe.startPeriodMilliseconds;
  return isStarting ? probe.startIntervalMilliseconds : probe.intervalMilliseconds;
}
