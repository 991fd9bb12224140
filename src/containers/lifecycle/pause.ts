import { conflict } from "../../errors.ts";
import { isFrozen } from "../../sys/cgroup.ts";
import { isAlive } from "../../sys/process.ts";
import type { Container } from "../container.ts";
import { type Containers, publish, save } from "../containers.ts";
import { cgroupOf, runtimeOf } from "../runtime-files.ts";

export function pauseContainer(containers: Containers, container: Container): Promise<void> {
  return container.enqueue(async () => {
    const { state, id } = container.record;
    if (state.Paused) throw conflict(`Container ${id} is already paused`);
    if (!container.can("pause")) throw conflict(`container ${id} is not running`);
    await freeze(containers, container, "pause").catch(async (error: unknown) => {
      await settlePause(containers, container);
      throw error;
    });
    container.enter("paused");
    save(containers, container);
    publish(containers, container, "pause");
  });
}

export function unpauseContainer(containers: Containers, container: Container): Promise<void> {
  return container.enqueue(async () => {
    if (!container.can("unpause")) throw conflict(`Container ${container.record.id} is not paused`);
    await thaw(containers, container);
  });
}

/** So that it can end of itself: what a commit reads then is its own affair. Call it within the container's queue. */
export async function letEnd(containers: Containers, container: Container): Promise<void> {
  if (container.record.state.Paused) await thaw(containers, container);
  else if (container.isHeldStill) await settlePause(containers, container);
}

/** Has a paused container run on. */
async function thaw(containers: Containers, container: Container): Promise<void> {
  await freeze(containers, container, "resume");
  container.enter("unpaused");
  save(containers, container);
  publish(containers, container, "unpause");
}

/**
 * Runs `work` while the container's processes stand still. The record says nothing of it, so that whatever happens meanwhile, they
 * run on afterwards.
 */
export async function whileFrozen<R>(
  containers: Containers,
  container: Container,
  work: () => Promise<R>,
): Promise<R> {
  const { state, startTicks } = container.record;
  await container.enqueue(async () => {
    await freeze(containers, container, "pause").catch((error: unknown) => {
      // One that has ended meanwhile stands still anyway.
      if (isAlive(state.Pid, startTicks)) throw error;
    });
    container.isHeldStill = true;
  });
  try {
    return await work();
  } finally {
    container.isHeldStill = false;
    await container
      .enqueue(() => settlePause(containers, container))
      .catch((error: unknown) => {
        containers.logger.warn({ error, container: container.record.id }, "a container may still be frozen");
      });
  }
}

/**
 * Makes record and kernel one after a pause, an unpause or a commit that was cut off. If in doubt, it thaws: a
 * container frozen for no known reason is worse.
 */
export async function settlePause(containers: Containers, container: Container): Promise<void> {
  const { state } = container.record;
  const frozen = isFrozen(cgroupOf(containers, container));
  if (frozen === state.Paused) return;
  if (frozen) return freeze(containers, container, "resume");
  container.enter("unpaused");
  save(containers, container);
}

async function freeze(
  containers: Containers,
  container: Container,
  command: "pause" | "resume",
): Promise<void> {
  const { id } = container.record;
  await containers.supervisor.call("runtime", {
    runtime: runtimeOf(containers, container),
    arguments: [command, id],
  });
}
