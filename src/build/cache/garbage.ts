import { statfs } from "node:fs/promises";
import { messageOf } from "../../errors.ts";
import type { SolveRooms } from "../solve/solving.ts";
import { garbageRulesOf } from "./garbage-settings.ts";
import { pruneRecords } from "./prune.ts";
import type { PruneRequest } from "./prune-request.ts";
import { listUsage } from "./usage.ts";

/** Removes from the builder's cache what the rules want gone, after builds. */
export interface BuildGarbage {
  /** A build is over, or the rules are new. */
  wake(): void;
  close(): Promise<void>;
}

/** Builds come in bunches. */
const delayMilliseconds = 1000;
/** It takes a tenth of the time at most, however large the cache is. */
const restFactor = 10;

export function startBuildGarbage(rooms: SolveRooms): BuildGarbage {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  let [isWanted, isClosed, restUntil] = [false, false, 0];

  function schedule(): void {
    if (isClosed || timer || running) return;
    isWanted = false;
    timer = setTimeout(
      () => {
        timer = undefined;
        running = run().finally(() => {
          running = undefined;
          if (isWanted) schedule();
        });
      },
      Math.max(delayMilliseconds, restUntil - Date.now()),
    ).unref();
  }

  async function run(): Promise<void> {
    const begun = Date.now();
    try {
      await collect(rooms, () => isClosed);
    } catch (error) {
      rooms.logger.warn({ error: messageOf(error) }, "the build cache could not be cleared");
    }
    const ended = Date.now();
    restUntil = ended + (ended - begun) * restFactor;
  }

  return {
    wake() {
      isWanted = true;
      schedule();
    },
    async close() {
      isClosed = true;
      clearTimeout(timer);
      await running;
    },
  };
}

/** The present ones. */
export async function readGarbageRules({ root, settings }: SolveRooms): Promise<readonly PruneRequest[]> {
  const { blocks, bsize } = await statfs(root);
  return garbageRulesOf(settings().garbage, blocks * bsize);
}

async function collect(rooms: SolveRooms, isClosed: () => boolean): Promise<void> {
  const rules = await readGarbageRules(rooms);
  if (rules.length === 0) return;
  let all = await listUsage(rooms, []);
  let [count, bytes] = [0, 0];
  for (const rule of rules) {
    if (isClosed()) return;
    const gone = new Set((await pruneRecords(rooms, all, rule)).map(({ id }) => id));
    for (const record of all) if (gone.has(record.id)) bytes += record.sizeBytes;
    count += gone.size;
    all = all.filter(({ id }) => !gone.has(id));
  }
  if (count > 0) rooms.logger.info({ records: count, bytes }, "the build cache was cleared by its rules");
}
