import type { Container } from "../container.ts";
import { type Containers, publish } from "../containers.ts";
import { discardIfDue } from "./discard.ts";
import { startNow } from "./start.ts";
import { type StopOptions, stopContainer } from "./stop.ts";

/** Stops it and starts it again; one that does not run is only started. */
export async function restartContainer(
  containers: Containers,
  container: Container,
  options: StopOptions,
): Promise<void> {
  // A container that removes itself when it ends must live through being restarted.
  const endIntent = container.intend("restart");
  try {
    await stopContainer(containers, container, { ...options, purpose: "restart" });
    await container.enqueue(async () => {
      // What ends from now on is the next run.
      endIntent();
      await startNow(containers, container);
    });
  } catch (error) {
    endIntent();
    await container.enqueue(() => discardIfDue(containers, container));
    throw error;
  }
  publish(containers, container, "restart");
}
