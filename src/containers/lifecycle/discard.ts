import { messageOf } from "../../errors.ts";
import type { Container, ContainerRecord } from "../container.ts";
import { type Containers, publish, save, unregister } from "../containers.ts";
import { releaseMountedImages } from "../image-mounts.ts";
import { anonymousVolumes, volumeUsers } from "../mounts.ts";
import { deleteFromRuntime } from "../runtime-files.ts";
import { removeFiles } from "../size-limit.ts";

export interface DiscardOptions {
  removeVolumes?: boolean;
  /** Announces the removal before the runtime has cleaned up; its leftovers block nothing. */
  tellsEarly?: boolean;
}

/**
 * Call it within the container's queue. The record goes last, and says from the beginning what is going on: the next
 * daemon carries through what a crash cuts off.
 */
export function discardContainer(
  containers: Containers,
  container: Container,
  options: DiscardOptions,
): Promise<void> {
  return removing(containers, container, () => discard(containers, container, options));
}

/** The same for one that removes itself at its end. A supervisor that was lost meanwhile is waited for by the second attempt. */
export function discardEnded(containers: Containers, container: Container): Promise<void> {
  const once = () => discard(containers, container, { removeVolumes: true, tellsEarly: true });
  return removing(containers, container, () => once().catch(once));
}

async function removing(
  { metrics }: Containers,
  container: Container,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await metrics.containerActions.time("delete", work);
  } catch (error) {
    // As Docker: a client that waits for the removal would wait for ever.
    container.notifyNotRemoved({ exitCode: container.record.state.ExitCode, error: messageOf(error) });
    throw error;
  }
}

async function discard(containers: Containers, container: Container, options: DiscardOptions): Promise<void> {
  const { record } = container;
  clearTimeout(container.restartTimer);
  container.enter("removalBegun");
  if (options.removeVolumes) record.removesVolumes = true;
  save(containers, container);
  const tidied = deleteFromRuntime(containers, container);
  tidied.catch(() => {});
  try {
    await settleAll([
      containers.networks.close(record.id),
      containers.supervisor.call("forget", { process: record.id }),
      ...(options.tellsEarly ? [] : [tidied]),
    ]);
    // Last: a container that could not be removed still has its files.
    await removeFiles(containers, record);
  } catch (error) {
    await Promise.allSettled([tidied]);
    container.enter("removalFailed");
    save(containers, container);
    throw error;
  }
  await containers.volumes.release(record.mounts, record.id);
  if (record.removesVolumes) await removeAnonymousVolumes(containers, container);
  await releaseImages(containers, record);
  unregister(containers, container);
  publish(containers, container, "destroy");
  container.notifyRemoved({ exitCode: record.state.ExitCode });
  if (options.tellsEarly) await leave(containers, container, tidied);
  else containers.records.deleteSoon(record.id);
}

/** The container is gone all the same where layers that only it had kept cannot be removed: `system check` finds them. */
async function releaseImages(containers: Containers, record: ContainerRecord): Promise<void> {
  const { images, logger } = containers;
  const releases = [images.release(record.id, record.imageId), ...releaseMountedImages(containers, record)];
  for (const outcome of await Promise.allSettled(releases)) {
    if (outcome.status === "fulfilled") continue;
    logger.warn({ error: outcome.reason, container: record.id }, "layers could not be removed");
  }
}

/** For one that removes itself when it ends, and has not since a restart was to follow. Call it within the container's queue. */
export async function discardIfDue(containers: Containers, container: Container): Promise<void> {
  const { record } = container;
  if (record.state.Status !== "exited" || !record.hostConfig.AutoRemove) return;
  if (container.intends("restart") || container.isGone) return;
  await discardContainer(containers, container, { removeVolumes: true });
}

/** Removed for all clients. What the runtime has left follows: with the record the next daemon finds it. */
async function leave(containers: Containers, container: Container, tidied: Promise<void>): Promise<void> {
  const { record } = container;
  // Its name is free, and another container's record may bear it before this one goes.
  record.name = record.id;
  save(containers, container);
  // A supervisor that was lost meanwhile is waited for by the second attempt.
  const leaving = tidied.catch(() => deleteFromRuntime(containers, container));
  containers.leaving.set(record.id, leaving);
  try {
    await leaving;
    containers.records.deleteSoon(record.id);
  } catch (error) {
    containers.logger.error({ error, container: record.id }, "the runtime did not delete a container");
  } finally {
    containers.leaving.delete(record.id);
  }
}

/** Removes those that no other container has. */
export async function removeAnonymousVolumes(containers: Containers, container: Container): Promise<void> {
  for (const name of anonymousVolumes(container)) {
    const isShared = () => volumeUsers(containers, name).some((id) => id !== container.record.id);
    const remove = async () => {
      if (!isShared()) await containers.volumes.remove(name, { force: true, usedBy: [] });
    };
    const warn = (error: unknown) =>
      containers.logger.warn({ error, volume: name }, "an anonymous volume could not be removed");
    // A start or a create that was given up may still mount or fill it, whose server does not answer: none waits for that.
    if (containers.volumes.isHeld(name)) void containers.volumes.whenFree(name).then(remove).catch(warn);
    else await remove().catch(warn);
  }
}

/** Waits for all of them, also when one fails: what goes on unseen would meet the next attempt. @throws the first failure */
async function settleAll(work: Promise<unknown>[]): Promise<void> {
  for (const outcome of await Promise.allSettled(work))
    if (outcome.status === "rejected") throw outcome.reason;
}
