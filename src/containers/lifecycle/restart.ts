import type { Container } from "../container.ts";
import { type Containers, publish, save } from "../containers.ts";
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
  let hasStopped = false;
  try {
    await stopContainer(containers, container, { ...options, purpose: "restart" });
    hasStopped = true;
    await container.enqueue(async () => {
      // What ends from now on is the next run.
      endIntent();
      await startNow(containers, container);
    });
  } catch (error) {
    endIntent();
    await container.enqueue(() => {
      if (hasStopped && container.phase === "restarting") {
        container.enter("restartCancelled");
        save(containers, container);
      }
      return discardIfDue(containers, container);
    });
    throw error;
  }
  publish(containers, container, "restart");
}
