import { internal, messageOf } from "../errors.ts";
import { abortable } from "../sys/abortable.ts";
import { createJobRunner } from "../sys/jobs.ts";
import { listMountpoints } from "../sys/mount-table.ts";
import { createNamedGates } from "../sys/queue.ts";
import { isLocal } from "./local-types.ts";
import { findMountOnTheWay, readSourceFacts, type SourceFacts } from "./source-facts.ts";

/** Looks at sources of mounts, of which one may be on a server that does not answer. */
export interface Sources {
  /** For the sources of one container, with what is mounted now. */
  looker(signal?: AbortSignal): Look;
  close(): Promise<void>;
}

/** @throws an error with the system call's `code`; the signal's reason */
export type Look = (path: string) => Promise<SourceFacts>;

const threads = 32;
/** One that does not answer leaves threads for the others. */
const threadsPerServer = 4;

export function createSources(): Sources {
  const runner = createJobRunner<string, SourceFacts>("volumes/sources.worker", threads);
  const inGate = createNamedGates(threadsPerServer);
  return {
    looker(signal) {
      const mountpoints = new Set(listMountpoints((type) => !isLocal(type)));
      return async (path) => {
        const mountpoint = findMountOnTheWay(path, mountpoints);
        // A disk of this machine answers at once, and a thread would be dear.
        if (mountpoint === undefined) return readSourceFacts(path);
        return abortable(
          inGate(
            mountpoint,
            () => runner.run(path, signal).catch((error: unknown) => explain(error, path)),
            signal,
          ),
          signal,
        );
      };
    },
    close: () => runner.close(),
  };
}

/** What a server says is its own affair, and no mistake of ours. */
function explain(error: unknown, path: string): never {
  throw internal(`error while looking at mount source path '${path}': ${messageOf(error)}`, error);
}
