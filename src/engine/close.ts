import { setTimeout as sleep } from "node:timers/promises";
import type { Container } from "../containers/container.ts";
import type { Containers } from "../containers/containers.ts";
import { stopContainer } from "../containers/lifecycle/stop.ts";
import { unavailable } from "../errors.ts";
import { removeCgroup } from "../sys/cgroup.ts";
import { hasEnded } from "../sys/process.ts";
import { takeSteps } from "./take-steps.ts";

/**
 * Makes what closes an engine, once: who calls it again waits for the end that is under way.
 * @param around steps before and after the end of all that containers have
 */
export function createClose(
  containers: Containers,
  { first, last }: Record<"first" | "last", readonly (() => unknown)[]>,
): (options?: { stopContainers?: boolean }) => Promise<void> {
  let closing: Promise<void> | undefined;
  return ({ stopContainers = false } = {}) => {
    containers.closing = true;
    closing ??= takeSteps([...first, () => closeRooms(containers, stopContainers), ...last]);
    return closing;
  };
}

/**
 * Ends what is under way, and all that the rooms hold of the machine.
 * @throws what the first step that failed has thrown; all others are taken
 */
async function closeRooms(containers: Containers, stopContainers: boolean): Promise<void> {
  const { images, volumes, archives } = containers;
  const archivesClosed = archives.close();
  archivesClosed.catch(() => {});
  await takeSteps([
    () => (stopContainers ? stopAll(containers) : undefined),
    () => finishOperations(containers),
    () => leaveMachine(containers, stopContainers),
    () => containers.supervisor.close(),
    async () => {
      const last = [images.close(), volumes.close(), archivesClosed, letGo(containers)];
      await Promise.allSettled(last);
      await Promise.all(last);
    },
  ]);
}

/** Lets running operations finish before what they use is torn down. */
async function finishOperations(containers: Containers): Promise<void> {
  const impatience = setTimeout(() => abortStarts(containers), longestStartMilliseconds);
  // What cannot be aborted, as the mounting of a volume, fails then.
  const lastResort = setTimeout(() => void containers.volumes.close(), 2 * longestStartMilliseconds);
  await Promise.all([...containers.byId.values()].map((container) => container.enqueue(() => {})));
  await Promise.allSettled(containers.leaving.values());
  clearTimeout(impatience);
  clearTimeout(lastResort);
}

async function leaveMachine(containers: Containers, stopContainers: boolean): Promise<void> {
  const { networks, settings } = containers;
  if (!stopContainers || !(await endSupervisor(containers))) return networks.stop();
  await networks.destroy();
  if (settings.cgroupDriver === "cgroupfs") removeCgroup(settings.cgroupParent);
}

/** What this process has open for containers. */
export async function letGo({ byId, launcher, cdi }: Containers): Promise<void> {
  for (const container of byId.values()) {
    clearTimeout(container.restartTimer);
    container.dropWitness();
  }
  await Promise.all([launcher.close(), cdi.close()]);
}

/** @returns whether there is nothing left that it would care for */
async function endSupervisor({ supervisor, byId, logger }: Containers): Promise<boolean> {
  try {
    return await supervisor.call("shutdown", {});
  } catch (error) {
    logger.warn({ error }, "the supervisor ended before the engine");
    return [...byId.values()].every(
      ({ record: { state, startTicks } }) => state.Pid === 0 || hasEnded(state.Pid, startTicks),
    );
  }
}

/** How long the engine's end waits for the starts that are under way. */
const longestStartMilliseconds = 5000;

function abortStarts({ byId, supervisor, logger }: Containers): void {
  for (const { isStarting, starting, record } of byId.values()) {
    if (!isStarting) continue;
    starting?.abort(unavailable("the engine is shutting down"));
    supervisor.call("abort", { process: record.id }).catch((error: unknown) => {
      logger.warn({ error, container: record.id }, "a start could not be ended");
    });
  }
}

/** As at a machine's shutdown: their restart policies bring them up again with the next engine. */
async function stopAll(containers: Containers): Promise<void> {
  const running = [...containers.byId.values()].filter((container) => container.can("stop"));
  const lost = new Promise<void>((resolve) => containers.supervisor.onLost(resolve));
  await Promise.all(
    running.map(async (container) => {
      const over = new AbortController();
      // Without a supervisor no end is reported.
      const unreported = lost.then(() => untilEnded(container, over.signal));
      const stopped = stopContainer(containers, container, { purpose: "shutdown" });
      await Promise.race([stopped, unreported]).catch((error: unknown) => {
        containers.logger.warn({ error, container: container.record.id }, "a container could not be stopped");
      });
      over.abort();
    }),
  );
}

const lookEveryMilliseconds = 100;

async function untilEnded({ record }: Container, signal: AbortSignal): Promise<void> {
  const { Pid } = record.state;
  while (Pid !== 0 && !signal.aborted && !hasEnded(Pid, record.startTicks))
    await sleep(lookEveryMilliseconds);
}
