import { rm } from "node:fs/promises";
import { type Container, enterStatus } from "./container.ts";
import { type Containers, folderOf, publish, save, unregister } from "./containers.ts";
import { anonymousVolumes, volumeUsers } from "./mounts.ts";
import { deleteFromRuntime } from "./runtime-files.ts";

/**
 * To be called from within the container's queue. The record goes last, and says from the beginning what is going on: the next
 * daemon carries through what a crash cuts off.
 */
export async function discardContainer(
  containers: Containers,
  container: Container,
  options: { removeVolumes?: boolean },
): Promise<void> {
  const { record } = container;
  container.removing = true;
  clearTimeout(container.restartTimer);
  enterStatus(record.state, "removing");
  if (options.removeVolumes) record.removesVolumes = true;
  save(containers, container);
  try {
    await settleAll([
      deleteFromRuntime(containers, container),
      containers.networks.close(record.id),
      containers.supervisor.call("forget", { process: record.id }),
    ]);
    // Last: a container that could not be removed still has its files.
    await rm(folderOf(containers, record.id), { recursive: true, force: true });
  } catch (error) {
    container.removing = false;
    enterStatus(record.state, "dead");
    save(containers, container);
    throw error;
  }
  if (record.removesVolumes) await removeAnonymousVolumes(containers, container);
  containers.images.release(record.id, record.imageId);
  containers.records.deleteSoon(record.id);
  unregister(containers, container);
  publish(containers, container, "destroy");
  container.notifyRemoved({ exitCode: record.state.ExitCode });
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
