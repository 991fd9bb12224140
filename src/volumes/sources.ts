import { join } from "node:path/posix";
import { EngineError, internal, messageOf } from "../errors.ts";
import { abortable } from "../sys/abortable.ts";
import { createJobRunner } from "../sys/jobs.ts";
import { lazy } from "../sys/lazy.ts";
import { listMountpoints } from "../sys/mount-table.ts";
import { createNamedGates } from "../sys/queue.ts";
import { closeDescriptor } from "../sys/safe-path.ts";
import { isLocal } from "./local-types.ts";
import { findMountOnTheWay, readSourceFacts, type SourceFacts } from "./source-facts.ts";
import { type OpenedPart, openMountPart } from "./subpath.ts";

/** Looks at sources of mounts, of which one may be on a server that does not answer. */
export interface Sources {
  /** For the sources of one container, with what is mounted at the first look. */
  looker(signal?: AbortSignal): Look;
  /** What is at a path below a directory, which no link leads out of. The caller closes it. @throws internal in Docker's words */
  openPart(base: string, subpath: string, signal?: AbortSignal): Promise<OpenedPart>;
  close(): Promise<void>;
}

/** @throws an error with the system call's `code`; the signal's reason */
export type Look = (path: string) => Promise<SourceFacts>;

const threads = 32;
/** One that does not answer leaves threads for the others. */
const threadsPerServer = 4;

export function createSources(): Sources {
  const runner = createJobRunner<string, SourceFacts>("volumes/sources.worker", threads);
  const opener = createJobRunner<{ base: string; subpath: string }, OpenedPart>(
    "volumes/subpath.worker",
    threads,
  );
  const inGate = createNamedGates(threadsPerServer);
  const listForeign = () => new Set(listMountpoints((type) => !isLocal(type)));
  return {
    looker(signal) {
      const mountpoints = lazy(listForeign);
      return async (path) => {
        const mountpoint = findMountOnTheWay(path, mountpoints());
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
    async openPart(base, subpath, signal) {
      const path = join(base, subpath);
      const mountpoint = findMountOnTheWay(path, listForeign());
      if (mountpoint === undefined) return openMountPart(base, subpath);
      const opening = inGate(
        mountpoint,
        () => opener.run({ base, subpath }, signal).catch((error: unknown) => explain(error, path)),
        signal,
      );
      try {
        return await abortable(opening, signal);
      } catch (error) {
        opening.then(
          ({ fd }) => closeDescriptor(fd),
          () => {},
        );
        throw error;
      }
    },
    async close() {
      await Promise.all([runner.close(), opener.close()]);
    },
  };
}

/** What a server says is its own affair, and no mistake of ours. */
function explain(error: unknown, path: string): never {
  if (error instanceof EngineError) throw error;
  throw internal(`error while looking at mount source path '${path}': ${messageOf(error)}`, error);
}
