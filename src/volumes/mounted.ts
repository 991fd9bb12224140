import { closeSync, constants, openSync } from "node:fs";
import { basename, dirname } from "node:path";
import { EngineError, hasCode, internal, messageOf } from "../errors.ts";
import { bytesOfText } from "../formats/tar/tar-entry.ts";
import type { Logger } from "../logger.ts";
import { createJobRunner } from "../sys/jobs.ts";
import { listMountpoints } from "../sys/mount-table.ts";
import { createNamedTurns } from "../sys/named-turns.ts";
import { createNamedGates } from "../sys/queue.ts";
import { isMountpoint } from "../sys/safe-path.ts";
import { resolveServer } from "./local-mount.ts";
import type { LocalMount } from "./local-options.ts";
import { isLocal } from "./local-types.ts";
import { findMountOnTheWay } from "./source-facts.ts";

export interface MountJob {
  directory: string;
  /** Undefined to unmount. */
  local: LocalMount | undefined;
}

/** Volumes that are mounted on the host as long as containers run with them. */
export interface MountedVolumes {
  /**
   * Mounts it for a user, unless it is mounted. What has begun cannot be ended: with its result comes the user's, or the failure.
   * @throws internal in Docker's words; the signal's reason for one that waits for its turn
   */
  use(directory: string, local: LocalMount, user: string, signal?: AbortSignal): Promise<void>;
  /** For one that has it already: a container that a daemon before this one started. */
  adopt(directory: string, user: string): void;
  /** Unmounts it after its last user, and waits for that unless it is still being mounted. Tells the log what cannot be unmounted. */
  drop(directory: string, user: string): Promise<void>;
  /** Unmounts it, also when it has users. */
  clear(directory: string): Promise<void>;
  /** Those that someone has. */
  directories(): string[];
  close(): Promise<void>;
}

const threads = 32;
/** One that does not answer leaves threads for the others. */
const threadsPerServer = 4;
const unmountingThreads = 4;

export function createMountedVolumes(logger: Logger): MountedVolumes {
  const runner = createJobRunner<MountJob, void>("volumes/mounted.worker", threads);
  const unmounter = createJobRunner<MountJob, void>("volumes/mounted.worker", unmountingThreads);
  const inGate = createNamedGates(threadsPerServer);
  const mounting = new Set<string>();
  const users = new Map<string, Set<string>>();
  /** One after the other at each directory. */
  const { inTurn } = createNamedTurns();

  function adopt(directory: string, user: string): void {
    const present = users.get(directory);
    if (present) present.add(user);
    else users.set(directory, new Set([user]));
  }

  function leave(directory: string, user: string): boolean {
    const present = users.get(directory);
    present?.delete(user);
    if (present?.size) return false;
    users.delete(directory);
    return true;
  }

  async function unmount(directory: string): Promise<void> {
    while (isMounted(directory)) await unmounter.run({ directory, local: undefined });
  }

  return {
    use: (directory, local, user, signal) =>
      inTurn(directory, async () => {
        signal?.throwIfAborted();
        adopt(directory, user);
        if (isMounted(directory)) return;
        mounting.add(directory);
        try {
          const resolved = await resolveServer(local);
          await inGate(serverOf(resolved), () => runner.run({ directory, local: resolved }, signal), signal);
        } catch (error) {
          leave(directory, user);
          if (!(error instanceof EngineError)) throw error;
          throw internal(`error while mounting volume '${directory}': ${error.message}`, error);
        } finally {
          mounting.delete(directory);
        }
      }),
    adopt,
    async drop(directory, user) {
      const dropped = inTurn(directory, async () => {
        if (!leave(directory, user)) return;
        await unmount(directory).catch((error: unknown) => {
          logger.warn({ directory, reason: messageOf(error) }, "a volume could not be unmounted");
        });
      });
      if (!mounting.has(directory)) await dropped;
    },
    clear: (directory) => inTurn(directory, () => unmount(directory)),
    directories: () => [...users.keys()],
    async close() {
      await Promise.all([runner.close(), unmounter.close()]);
    },
  };
}

/** What has to answer for it to be mounted: a server's address, or what the device is in, or the device. */
function serverOf({ device, options }: LocalMount): string {
  const address = options.split(",").find((option) => option.startsWith("addr="));
  if (address !== undefined || !device.startsWith("/") || device.startsWith("//")) return address ?? device;
  return findMountOnTheWay(device, new Set(listMountpoints((type) => !isLocal(type)))) ?? device;
}

/** Asks for nothing of what is mounted, whose server may be gone. */
export function isMounted(directory: string): boolean {
  let parent: number;
  try {
    parent = openSync(dirname(directory), constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return false;
    throw error;
  }
  try {
    return isMountpoint(parent, bytesOfText(basename(directory)));
  } finally {
    closeSync(parent);
  }
}
