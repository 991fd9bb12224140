import type { PruneRequest } from "./prune-request.ts";

/** What the builder removes from its cache by itself: `builder.gc` of daemon.json. */
export interface BuildGarbageSettings {
  isEnabled: boolean;
  /** Instead of the usual ones. */
  rules: readonly PruneRequest[];
  /** Bounds of the usual rules; with 0 for all of them, they come of the disk's size. */
  reservedBytes: number;
  maxUsedBytes: number;
  minFreeBytes: number;
}

export const defaultBuildGarbage: BuildGarbageSettings = {
  ...{ isEnabled: true, rules: [], reservedBytes: 0, maxUsedBytes: 0, minFreeBytes: 0 },
};

const hours = 3_600_000;
const percentOfReproducible = Math.E * Math.PI * ((1 + Math.sqrt(5)) / 2);
const leastReproducibleBytes = 512e6;

/** The rules, one after the other; as dockerd has them. @param diskBytes of the file system that the cache is on */
export function garbageRulesOf(settings: BuildGarbageSettings, diskBytes: number): readonly PruneRequest[] {
  if (!settings.isEnabled) return [];
  if (settings.rules.length > 0) return settings.rules;
  const bounds = boundsOf(settings, diskBytes);
  const share = Math.round((bounds.reservedBytes * percentOfReproducible) / 100);
  return [
    {
      // What is had again most easily.
      ...{
        filters: ["type==source.local", "type==exec.cachemount", "type==source.git.checkout"],
        all: false,
      },
      ...{ keepMilliseconds: 48 * hours, reservedBytes: 0, minFreeBytes: 0 },
      maxUsedBytes: Math.max(share, leastReproducibleBytes),
    },
    { filters: [], all: false, keepMilliseconds: 60 * 24 * hours, ...bounds },
    { filters: [], all: false, keepMilliseconds: 0, ...bounds },
    { filters: [], all: true, keepMilliseconds: 0, ...bounds },
  ];
}

type Bounds = Pick<PruneRequest, "reservedBytes" | "maxUsedBytes" | "minFreeBytes">;

function boundsOf(
  { reservedBytes, maxUsedBytes, minFreeBytes }: BuildGarbageSettings,
  diskBytes: number,
): Bounds {
  if (reservedBytes + maxUsedBytes + minFreeBytes > 0) return { reservedBytes, maxUsedBytes, minFreeBytes };
  const percent = (share: number) => (Math.floor((diskBytes * share) / 100 / 1024 ** 3) + 1) * 1e9;
  return { reservedBytes: percent(10), maxUsedBytes: percent(80), minFreeBytes: percent(20) };
}
