import type { Containers } from "../containers/containers.ts";
import { volumeUsers } from "../containers/mounts.ts";
import { type Filters, flagOf, matchesLabels } from "../formats/filters.ts";
import { parseTimestamp } from "../formats/timestamp.ts";
import { parseUntil } from "../formats/until.ts";
import { anonymousLabel } from "../volumes/volumes.ts";
import { treeSizeBytes } from "./df.ts";

interface Subject {
  containers: Containers;
}

const fits = (filters: Filters, labels: Record<string, string>) =>
  matchesLabels(filters, labels) && !(filters.has("label!") && matchesLabels(filters, labels, "label!"));

/** Removes volumes that no container has: the anonymous ones, with `all` the named ones too. */
export async function pruneVolumes({ containers }: Subject, filters: Filters) {
  const all = flagOf(filters, "all") ?? false;
  const VolumesDeleted: string[] = [];
  let SpaceReclaimed = 0;
  for (const record of containers.volumes.list()) {
    const { name, labels } = record;
    if (volumeUsers(containers, name).length > 0 || !fits(filters, labels)) continue;
    if (!all && !(anonymousLabel in labels)) continue;
    const sizeBytes = await treeSizeBytes(containers.volumes.directoryOf(record));
    await containers.volumes.remove(name, { force: true, usedBy: volumeUsers(containers, name) });
    VolumesDeleted.push(name);
    SpaceReclaimed += sizeBytes;
  }
  return { VolumesDeleted, SpaceReclaimed };
}

/** Removes networks of the user's that no container has asked for. */
export async function pruneNetworks({ containers }: Subject, filters: Filters) {
  const until = parseUntil(filters.get("until")?.[0]);
  const used = new Set(
    [...containers.byId.values()].flatMap(({ record }) => {
      return [
        record.hostConfig.NetworkMode,
        ...Object.keys(record.endpointsConfig),
        ...Object.keys(record.endpoints),
      ];
    }),
  );
  const NetworksDeleted: string[] = [];
  for (const { id, name, labels, created } of containers.networks.list()) {
    if (["bridge", "host", "none"].includes(name) || used.has(name) || used.has(id)) continue;
    if (until !== undefined && (parseTimestamp(created) ?? 0) >= until) continue;
    if (!fits(filters, labels)) continue;
    await containers.networks.removeNetwork(id);
    NetworksDeleted.push(name);
  }
  return { NetworksDeleted };
}
