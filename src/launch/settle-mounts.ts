import { abortable } from "../sys/abortable.ts";
import { createJobRunner } from "../sys/jobs.ts";
import { lazy } from "../sys/lazy.ts";
import { listMountpoints } from "../sys/mount-table.ts";
import { isLocal } from "../volumes/local-types.ts";
import { touchesMount } from "../volumes/source-facts.ts";
import { type Settled, settleDestinations } from "./destinations.ts";
import type { LaunchMount } from "./launch-mount.ts";

export interface DestinationsJob {
  layers: readonly string[];
  mounts: readonly LaunchMount[];
}

/** Settles where mounts are made, also where that leads through a file system whose server does not answer. */
export interface MountSettler {
  /** @throws EngineError as `settleDestinations`; the signal's reason */
  settle(layers: readonly string[], mounts: readonly LaunchMount[], signal?: AbortSignal): Promise<Settled>;
  close(): Promise<void>;
}

const threads = 16;

/** A mount leads into another one, in which something is of another machine or another process. */
class ForeignSource extends Error {}

export function createMountSettler(): MountSettler {
  const runner = createJobRunner<DestinationsJob, Settled>("launch/destinations.worker", threads);

  return {
    async settle(layers, mounts, signal) {
      const foreign = lazy(() => new Set(listMountpoints((type) => !isLocal(type))));
      const refuseForeign = (source: string) => {
        if (touchesMount(source, foreign())) throw new ForeignSource();
      };
      try {
        return await settleDestinations(layers, mounts, refuseForeign);
      } catch (error) {
        if (!(error instanceof ForeignSource)) throw error;
      }
      return abortable(runner.run({ layers, mounts }, signal), signal);
    },
    close: () => runner.close(),
  };
}
