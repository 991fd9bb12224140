import { conflict, EngineError, messageOf } from "../errors.ts";
import type { Container } from "./container.ts";
import type { Containers } from "./containers.ts";
import { discardContainer } from "./discard.ts";
import { killContainer, unpauseContainer } from "./stop.ts";

export interface RemoveOptions {
  force?: boolean;
  /** Its anonymous volumes as well. */
  removeVolumes?: boolean;
}

/** @throws EngineError conflict while it runs, unless forced; internal when it cannot be killed */
export async function removeContainer(
  containers: Containers,
  container: Container,
  options: RemoveOptions,
): Promise<void> {
  const { record } = container;
  if (container.removing) throw conflict(`removal of container ${record.id} is already in progress`);
  if (record.state.Running || container.isStarting) {
    if (!options.force) throw conflict(refusal(container));
    container.removing = true;
    try {
      if (record.state.Paused) await unpauseContainer(containers, container).catch(() => {});
      await killContainer(containers, container, "KILL").catch((error: unknown) => {
        // One that has just ended of itself is as well.
        if (error instanceof EngineError && error.kind === "conflict") return;
        const kind = error instanceof EngineError ? error.kind : "internal";
        const message = `cannot remove container "/${record.name}": could not kill container: ${messageOf(error)}`;
        throw new EngineError(kind, message, error);
      });
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

function refusal({ isStarting, record: { name, state } }: Container): string {
  const advice = state.Paused
    ? "container is paused and must be unpaused first"
    : `container is ${isStarting ? "starting" : "running"}: stop the container before removing or force remove`;
  return `cannot remove container "/${name}": ${advice}`;
}
