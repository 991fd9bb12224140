import { conflict, EngineError, messageOf } from "../../errors.ts";
import type { Container } from "../container.ts";
import type { Containers } from "../containers.ts";
import { discardContainer } from "./discard.ts";
import { killContainer, SIGKILL } from "./stop.ts";

export interface RemoveContainerOptions {
  /** What it was asked for by, which a refusal repeats. */
  reference: string;
  force?: boolean;
  /** Its anonymous volumes as well. */
  removeVolumes?: boolean;
}

/** @throws EngineError conflict while it runs, unless forced; internal when it cannot be killed */
export async function removeContainer(
  containers: Containers,
  container: Container,
  options: RemoveContainerOptions,
): Promise<void> {
  const { record } = container;
  if (container.isLeaving) throw conflict(`removal of container ${record.id} is already in progress`);
  const isUp = !container.can("remove") || container.isStarting;
  if (isUp && !options.force) throw conflict(refusal(container, options.reference));
  const endIntent = container.intend("removal");
  try {
    if (isUp) await killToRemove(containers, container, options.reference);
    await container.enqueue(async () => {
      endIntent();
      // A container with --rm has removed itself when it was killed.
      if (container.isGone) return;
      if (!container.can("remove")) throw conflict(refusal(container, options.reference));
      await discardContainer(containers, container, options);
    });
  } finally {
    endIntent();
  }
}

async function killToRemove(containers: Containers, container: Container, reference: string): Promise<void> {
  try {
    await killContainer(containers, container, SIGKILL);
  } catch (error) {
    // One that has just ended of itself is as well.
    if (error instanceof EngineError && error.kind === "conflict") return;
    const kind = error instanceof EngineError ? error.kind : "internal";
    const message = `cannot remove container "${reference}": could not kill container: ${messageOf(error)}`;
    throw new EngineError(kind, message, error);
  }
}

function refusal({ isStarting, phase }: Container, reference: string): string {
  const advice =
    phase === "paused"
      ? "container is paused and must be unpaused first"
      : `container is ${isStarting ? "starting" : phase}: stop the container before removing or force remove`;
  return `cannot remove container "${reference}": ${advice}`;
}
