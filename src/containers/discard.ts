import { rm } from "node:fs/promises";
import { type Container, enterStatus } from "./container.ts";
import { type Containers, folderOf, publish, save, unregister } from "./containers.ts";
import { anonymousVolumes, volumeUsers } from "./mounts.ts";
import { deleteFromRuntime } from "./runtime-files.ts";

export interface DiscardOptions {
  removeVolumes?: boolean;
  /** Tells of the removal while the runtime still tidies up after itself: what it has left is in nobody's way. */
  tellsEarly?: boolean;
}

/**
 * To be called from within the container's queue. The record goes last, and says from the beginning what is going on: the next
 * daemon carries through what a crash cuts off.
 */
export async function discardContainer(
  containers: Containers,
  container: Container,
  options: DiscardOptions,
): Promise<void> {
  const { record } = container;
  container.removing = true;
  clearTimeout(container.restartTimer);
  enterStatus(record.state, "removing");
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
    await rm(folderOf(containers, record.id), { recursive: true, force: true });
  } catch (error) {
    await Promise.allSettled([tidied]);
    container.removing = false;
    enterStatus(record.state, "dead");
    save(containers, container);
    throw error;
  }
  if (record.removesVolumes) await removeAnonymousVolumes(containers, container);
  containers.images.release(record.id, record.imageId);
  unregister(containers, container);
  publish(containers, container, "destroy");
  container.notifyRemoved({ exitCode: record.state.ExitCode });
  if (options.tellsEarly) await leave(containers, container, tidied);
  else containers.records.deleteSoon(record.id);
}

/** Removed for everybody, but for what the runtime has left: with the record the next daemon finds it. */
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
    if (volumeUsers(containers, name).some((id) => id !== container.record.id)) continue;
    await containers.volumes.remove(name, { force: true, usedBy: [] }).catch((error: unknown) => {
      containers.logger.warn({ error, volume: name }, "an anonymous volume could not be removed");
    });
  }
}

/** Waits for all of them, also when one fails: what goes on unseen would meet the next attempt. @throws the first failure */
async function settleAll(work: Promise<unknown>[]): Promise<void> {
  for (const outcome of await Promise.allSettled(work))
    if (outcome.status === "rejected") throw outcome.reason;
}
