import { rm } from "node:fs/promises";
import { conflict } from "../errors.ts";
import { type Container, enterStatus } from "./container.ts";
import { type Containers, claimName, folderOf, publish, save, unregister } from "./containers.ts";
import { anonymousVolumes, volumeUsers } from "./mounts.ts";
import { deleteFromRuntime } from "./start.ts";
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
    await removeQueued(containers, container, options);
  });
}

function refusal({ record: { name, state } }: Container): string {
  const advice = state.Paused
    ? "container is paused and must be unpaused first"
    : "container is running: stop the container before removing or force remove";
  return `cannot remove container "/${name}": ${advice}`;
}

/** To be called from within the container's queue. The record goes last: what is left after a crash can be removed again. */
export async function removeQueued(
  containers: Containers,
  container: Container,
  options: RemoveOptions,
): Promise<void> {
  const { record } = container;
  container.removing = true;
  clearTimeout(container.restartTimer);
  enterStatus(record.state, "removing");
  try {
    await deleteFromRuntime(containers, container);
    await containers.networks.close(record.id);
    await containers.supervisor.call("forget", { process: record.id });
    await rm(folderOf(containers, record.id), { recursive: true, force: true });
  } catch (error) {
    container.removing = false;
    enterStatus(record.state, "dead");
    save(containers, container);
    throw error;
  }
  containers.images.release(record.id);
  containers.records.delete(record.id);
  unregister(containers, container);
  if (options.removeVolumes) await removeAnonymousVolumes(containers, container);
  publish(containers, container, "destroy");
  container.notifyRemoved({ exitCode: record.state.ExitCode });
}

async function removeAnonymousVolumes(containers: Containers, container: Container): Promise<void> {
  for (const name of anonymousVolumes(container)) {
    if (volumeUsers(containers, name).length > 0) continue;
    await containers.volumes.remove(name, { force: true, usedBy: [] }).catch((error: unknown) => {
      containers.logger.warn({ error, volume: name }, "an anonymous volume could not be removed");
    });
  }
}

/** @throws EngineError invalid, conflict */
export function renameContainer(containers: Containers, container: Container, wanted: string): void {
  const { record } = container;
  const oldName = record.name;
  const name = claimName(containers, wanted, record.id);
  containers.byName.delete(oldName);
  record.name = name;
  containers.byName.set(name, container);
  save(containers, container);
  publish(containers, container, "rename", { oldName: `/${oldName}` });
}
