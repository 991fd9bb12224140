import { messageOf } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { Kernel } from "./kernel.ts";
import { formatRemoval, loopbackGuard } from "./ruleset.ts";

/**
 * The guard of this machine's loopback once more, in a table that no other process can take away: `nft flush ruleset` passes it over,
 * also while no daemon runs. Needs Linux 6.9; before, there is the one in the engine's table, whose loss is noticed.
 */
export interface LoopbackGuard {
  /** Puts it in place the first time it is called. */
  ensure(): Promise<void>;
  remove(): Promise<void>;
}

interface LoopbackGuardOptions {
  tableName: string;
  kernel: Kernel;
  logger: Logger;
  runScript: (script: string) => Promise<unknown>;
}

export function createLoopbackGuard(options: LoopbackGuardOptions): LoopbackGuard {
  const { kernel, logger, runScript } = options;
  const name = `${options.tableName}-loopback`;
  const table = `inet ${name}`;
  const script =
    `${formatRemoval(table)}add table ${table}\nadd chain ${table} guard { ${loopbackGuard.hook} }\n` +
    loopbackGuard.rules.map((rule) => `add rule ${table} guard ${rule}\n`).join("");
  let isInPlace = false;

  return {
    async ensure() {
      if (isInPlace) return;
      isInPlace = true;
      try {
        await runScript(script);
        if (await kernel.ownTable(name)) return;
        await runScript(formatRemoval(table));
      } catch (error) {
        // A daemon that is still ending owns the one of before.
        logger.debug({ reason: messageOf(error) }, "loopback has no guard of its own");
        isInPlace = false;
      }
    },
    async remove() {
      isInPlace = false;
      await kernel.removeTable(name);
    },
  };
}
