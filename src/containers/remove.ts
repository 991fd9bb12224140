import { conflict } from "../errors.ts";
import type { Container } from "./container.ts";
import type { Containers } from "./containers.ts";
import { discardContainer } from "./discard.ts";
import { killContainer, unpauseContainer } from "./stop.ts";

export interface RemoveOptions {
  force?: boolean;
  /** Its anonymous volumes as well. */
  removeVolumes?: boolean;
}

/** @throws EngineError conflict while it runs, unless forced */
export async function removeContainer(
  containers: Containers,
  container: Container,
  options: RemoveOptions,
): Promise<void> {
  const { record } = container;
  if (container.removing) throw conflict(`removal of container ${record.id} is already in progress`);
  if (record.state.Running) {
    if (!options.force) throw conflict(refusal(container));
    container.removing = true;
    try {
      if (record.state.Paused) await unpauseContainer(containers, container).catch(() => {});
      // One that has just ended of itself is as well.
      await killContainer(containers, container, "KILL").catch(() => {});
    } finally {
      container.removing = false;
    }
  }
  await container.enqueue(async () => {
    // A container with --rm has removed itself when it was killed.
    if (containers.byId.get(record.id) !== container) return;
    if (record.state.Running && !record.state.Restarting) throw conflict(refusal(container));
    await discardContainer(containers, container, options);
  });
}

function refusal({ record: { name, state } }: Container): string {
  const advice = state.Paused
    ? "container is paused and must be unpaused first"
    : "container is running: stop the container before removing or force remove";
  return `cannot remove container "/${name}": ${advice}`;
}
