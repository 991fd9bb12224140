import type { NetworkInspect } from "../../../src/formats/docker-api/docker-api-objects.ts";
import type { DiskUsageResponse } from "../../../src/formats/docker-api/docker-api-system.ts";

/** In this order: what a container holds is free once it is gone. */
export const pruneKinds = ["containers", "dangling", "images", "networks", "volumes", "cache"] as const;
export type PruneKind = (typeof pruneKinds)[number];

export type Candidates = Record<PruneKind, readonly { id: string; name: string; sizeBytes: number }[]>;

export interface Holdings {
  df: DiskUsageResponse;
  networks: NetworkInspect[];
}

/** Whether something of the chosen kinds would go that was not shown. */
export function hasGrown(shown: Candidates, now: Candidates, chosen: ReadonlySet<PruneKind>): boolean {
  return [...chosen].some((kind) => {
    const known = new Set(shown[kind].map(({ id }) => id));
    return now[kind].some(({ id }) => !known.has(id));
  });
}

const builtIn = ["bridge", "host", "none"];
const stays = ["running", "paused", "restarting"];

/** What each kind of pruning would remove. @param chosen what goes before: stopped containers hold images, networks and volumes */
export function findCandidates({ df, networks }: Holdings, chosen: ReadonlySet<PruneKind>): Candidates {
  const containers = df.Containers ?? [];
  const stopped = containers.filter(({ State }) => !stays.includes(State));
  const running = containers.filter(({ State }) => stays.includes(State));
  const left = chosen.has("containers") ? running : containers;
  const used = {
    images: new Set(left.map(({ ImageID }) => ImageID)),
    // One that only containers have asked for that do not run goes as well.
    networks: new Set(running.flatMap(({ NetworkSettings }) => Object.keys(NetworkSettings?.Networks ?? {}))),
    volumes: new Set(left.flatMap(({ Mounts }) => (Mounts ?? []).map(({ Name }) => Name))),
  };
  const unused = (df.Images ?? []).filter(({ Id }) => !used.images.has(Id));
  const isNamed = ({ RepoTags }: (typeof unused)[number]) =>
    (RepoTags ?? []).some((tag) => tag !== "<none>:<none>");
  const image = (one: (typeof unused)[number]) => ({
    id: one.Id,
    name: isNamed(one) ? one.RepoTags.join(", ") : one.Id.slice(7, 19),
    sizeBytes: Math.max(0, one.Size - Math.max(0, one.SharedSize)),
  });
  return {
    containers: stopped.map(({ Id, Names, SizeRw = 0 }) => ({
      id: Id,
      name: Names[0]?.slice(1) ?? Id,
      sizeBytes: SizeRw,
    })),
    dangling: unused.filter((one) => !isNamed(one)).map(image),
    images: unused.map(image),
    networks: networks
      .filter(({ Name, ConfigOnly }) => !builtIn.includes(Name) && !ConfigOnly && !used.networks.has(Name))
      .map(({ Id, Name }) => ({ id: Id, name: Name, sizeBytes: 0 })),
    volumes: (df.Volumes ?? [])
      .filter(({ Name, Options }) => !used.volumes.has(Name) && Object.keys(Options ?? {}).length === 0)
      .map(({ Name, UsageData }) => ({ id: Name, name: Name, sizeBytes: Math.max(0, UsageData?.Size ?? 0) })),
    cache: (df.BuildCache ?? [])
      .filter(({ InUse }) => !InUse)
      .map(({ ID, Description, Size }) => ({ id: ID, name: Description || ID, sizeBytes: Size })),
  };
}
