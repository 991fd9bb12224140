import type { Containers } from "../containers/containers.ts";
import { volumeUsers } from "../containers/mounts.ts";
import { conflict, EngineError, internal } from "../errors.ts";
import type { EngineEvent, Events } from "../events/events.ts";
import { type Filters, fitsLabels, flagOf, onlyUntil } from "../formats/filters.ts";
import { parseTimestamp } from "../formats/timestamp.ts";
import { parseUntil } from "../formats/until.ts";
import { isPredefined } from "../networks/networks.ts";
import { anonymousLabel } from "../volumes/catalog.ts";
import { volumeSizeBytes } from "./df.ts";

interface Subject {
  containers: Containers;
}

/**
 * Removes volumes that no container has: the anonymous ones, with `all` the named ones too. As Docker it leaves those with
 * options, whose content may lie elsewhere.
 * @param gone as for `pruneContainers`
 */
export const pruneVolumes = ({ containers }: Subject, filters: Filters, gone: AbortSignal) =>
  pruneAlone(containers.volumes, () => pruneUnusedVolumes(containers, filters, gone));

async function pruneUnusedVolumes(containers: Containers, filters: Filters, gone: AbortSignal) {
  const all = flagOf(filters, "all") ?? false;
  const VolumesDeleted: string[] = [];
  let SpaceReclaimed = 0;
  const isUsed = (name: string) =>
    volumeUsers(containers, name).length > 0 || containers.volumes.isHeld(name);
  for (const record of containers.volumes.list()) {
    if (gone.aborted) break;
    const { name, labels, options, isUnclaimed } = record;
    if (Object.keys(options).length > 0 || isUnclaimed) continue;
    if (isUsed(name) || !fitsLabels(filters, labels)) continue;
    if (!all && !Object.hasOwn(labels, anonymousLabel)) continue;
    const sizeBytes = await volumeSizeBytes(containers, record);
    // A container has taken it in the meantime, or another client has removed it.
    if (isUsed(name) || !containers.volumes.findVolume(name)) continue;
    const removal = containers.volumes.remove(name, { force: true, usedBy: [] });
    if (!(await isRemoved(containers, name, removal))) continue;
    VolumesDeleted.push(name);
    SpaceReclaimed += Math.max(sizeBytes, 0);
  }
  return { VolumesDeleted, SpaceReclaimed };
}

/**
 * As in Docker, a network that only containers have asked for that do not run goes as well.
 * @param gone as for `pruneContainers`, which Docker does not do beside it either
 */
export const pruneNetworks = ({ containers }: Subject, filters: Filters, gone: AbortSignal) =>
  pruneAlone(containers, () => pruneUnusedNetworks(containers, filters, gone));

async function pruneUnusedNetworks(containers: Containers, filters: Filters, gone: AbortSignal) {
  const { networks } = containers;
  const until = readUntil(onlyUntil(filters));
  const NetworksDeleted: string[] = [];
  for (const { id, name, labels, created, isConfigOnly } of networks.list()) {
    if (gone.aborted) break;
    if (isPredefined(name) || isConfigOnly || networks.hasEndpoints(id)) continue;
    if (until !== undefined && (parseTimestamp(created) ?? 0) >= until) continue;
    if (!fitsLabels(filters, labels)) continue;
    if (!(await isRemoved(containers, name, networks.removeNetwork(id)))) continue;
    NetworksDeleted.push(name);
  }
  return { NetworksDeleted: NetworksDeleted.length > 0 ? NetworksDeleted : null };
}

/** Rooms whose objects are being pruned. */
const pruning = new WeakSet<object>();

/** @throws EngineError conflict while another one prunes there */
export async function pruneAlone<R>(room: object, prune: () => Promise<R>): Promise<R> {
  if (pruning.has(room)) throw conflict("a prune operation is already running");
  pruning.add(room);
  try {
    return await prune();
  } finally {
    pruning.delete(room);
  }
}

/** Needed after all, gone already, or not to be removed. */
const harmless = new Set(["conflict", "notFound", "forbidden"]);

/** As with Docker, what cannot be removed is left alone; the others go. */
async function isRemoved({ logger }: Containers, name: string, removal: Promise<unknown>): Promise<boolean> {
  try {
    await removal;
    return true;
  } catch (error) {
    const isExpected = error instanceof EngineError && harmless.has(error.kind);
    if (!isExpected) logger.warn({ error, name }, "what is to be pruned could not be removed");
    return false;
  }
}

/** @throws EngineError internal in Docker's words */
function readUntil(text: string | undefined): number | undefined {
  try {
    return parseUntil(text);
  } catch (error) {
    throw internal(`failed to parse value as time or duration: ${JSON.stringify(text)}`, error);
  }
}

/** Announces that unused objects of a kind were removed. */
export function announcePrune(events: Events, type: EngineEvent["Type"], reclaimedBytes: number): void {
  events.publish(type, "prune", "", { reclaimed: String(reclaimedBytes) });
}
