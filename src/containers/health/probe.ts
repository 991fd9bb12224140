import type { ContainerConfig } from "../../formats/docker-api/docker-api.ts";

/** A container's health check with all that it leaves open. */
export interface Probe {
  args: string[];
  intervalMilliseconds: number;
  timeoutMilliseconds: number;
  /** After the container's start: as long as it has not been healthy, a failure says nothing. */
  startPeriodMilliseconds: number;
  /** The interval within that time. */
  startIntervalMilliseconds: number;
  /** Failures in a row that make it unhealthy. */
  retries: number;
}

const nanosecondsPerMillisecond = 1e6;
/** Docker's. */
const defaults = { interval: 30_000, timeout: 30_000, startInterval: 5000, retries: 3 };
const usualShell = ["/bin/sh", "-c"];

/** How a check may be said; with NONE there is none. */
const kinds = ["CMD", "CMD-SHELL"];

/** Undefined without one, also where it was switched off or is of no known kind. */
export function readProbe({ Healthcheck: check, Shell }: ContainerConfig): Probe | undefined {
  const [kind = "", ...words] = check?.Test ?? [];
  if (!check || !kinds.includes(kind)) return undefined;
  const shell = Shell?.length ? Shell : usualShell;
  const milliseconds = (value: number | undefined, otherwise: number) =>
    value ? value / nanosecondsPerMillisecond : otherwise;
  return {
    args: kind === "CMD-SHELL" ? [...shell, words.join(" ")] : words,
    intervalMilliseconds: milliseconds(check.Interval, defaults.interval),
    timeoutMilliseconds: milliseconds(check.Timeout, defaults.timeout),
    startPeriodMilliseconds: milliseconds(check.StartPeriod, 0),
    startIntervalMilliseconds: milliseconds(check.StartInterval, defaults.startInterval),
    retries: check.Retries || defaults.retries,
  };
}

/** The kind of a check that is not done because none knows it: most often its first word, where the kind was forgotten. */
export function unknownKindOf({ Healthcheck: check }: ContainerConfig): string | undefined {
  const kind = check?.Test?.[0];
  return kind === undefined || kind === "NONE" || kinds.includes(kind) ? undefined : kind;
}
