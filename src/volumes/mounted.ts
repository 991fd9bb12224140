import { closeSync, constants, openSync } from "node:fs";
import { basename, dirname } from "node:path";
import { EngineError, hasCode, internal, messageOf } from "../errors.ts";
import { bytesOfText } from "../formats/tar/tar-entry.ts";
import type { Logger } from "../logger.ts";
import { createJobRunner } from "../sys/jobs.ts";
import { createNamedTurns } from "../sys/named-turns.ts";
import { isMountpoint } from "../sys/safe-path.ts";
import { resolveServer } from "./local-mount.ts";
import type { LocalMount } from "./local-options.ts";

export interface MountJob {
  directory: string;
  /** Undefined to unmount. */
  local: LocalMount | undefined;
}

/** Volumes that are mounted on the host as long as containers run with them. */
export interface MountedVolumes {
  /** Mounts it for a user, unless it is mounted. @throws internal in Docker's words */
  use(directory: string, local: LocalMount, user: string): Promise<void>;
  /** For one that has it already: a container that a daemon before this one started. */
  adopt(directory: string, user: string): void;
  /** Unmounts it after its last user. Tells the log what cannot be unmounted. */
  drop(directory: string, user: string): Promise<void>;
  /** Unmounts it, also when it has users. */
  clear(directory: string): Promise<void>;
  /** Those that someone has. */
  directories(): string[];
  close(): Promise<void>;
}

/** A server that does not answer holds up no other volume. */
const threads = 8;

export function createMountedVolumes(logger: Logger): MountedVolumes {
  const runner = createJobRunner<MountJob, void>("volumes/mounted.worker", threads);
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
    while (isMounted(directory)) await runner.run({ directory, local: undefined });
  }

  return {
    use: (directory, local, user) =>
      inTurn(directory, async () => {
        adopt(directory, user);
        if (isMounted(directory)) return;
        try {
          await runner.run({ directory, local: await resolveServer(local) });
        } catch (error) {
          leave(directory, user);
          if (!(error instanceof EngineError)) throw error;
          throw internal(`error while mounting volume '${directory}': ${error.message}`, error);
        }
      }),
    adopt,
    drop: (directory, user) =>
      inTurn(directory, async () => {
        if (!leave(directory, user)) return;
        await unmount(directory).catch((error: unknown) => {
          logger.warn({ directory, reason: messageOf(error) }, "a volume could not be unmounted");
        });
      }),
    clear: (directory) => inTurn(directory, () => unmount(directory)),
    directories: () => [...users.keys()],
    close: () => runner.close(),
  };
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
