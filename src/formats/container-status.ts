import type { ContainerState } from "./docker-api/docker-api.ts";
import { formatAge } from "./units.ts";

/** The STATUS column of `docker ps`: "Up 5 minutes (Paused)", "Exited (0) 2 hours ago". */
export function formatStatus(state: ContainerState, nowMilliseconds: number): string {
  // Milliseconds do, and the engine's own parser reads decimals that a line of thousands never shows.
  const since = (time: string) => formatAge((nowMilliseconds - (Date.parse(time) || 0)) / 1000);
  switch (state.Status) {
    case "running":
      return `Up ${since(state.StartedAt)}${formatHealth(state.Health?.Status)}`;
    case "paused":
      return `Up ${since(state.StartedAt)} (Paused)`;
    case "restarting":
      return `Restarting (${state.ExitCode}) ${since(state.FinishedAt)} ago`;
    case "exited":
      return `Exited (${state.ExitCode}) ${since(state.FinishedAt)} ago`;
    case "removing":
      return "Removal In Progress";
    case "dead":
      return "Dead";
    case "created":
      return "Created";
  }
}

function formatHealth(status: string | undefined): string {
  if (!status) return "";
  return status === "starting" ? " (health: starting)" : ` (${status})`;
}
