import { messageOf } from "../errors.ts";
import { isAlive } from "../sys/process.ts";
import type { StepRecord } from "./cache/record.ts";
import { snapshotOf } from "./cache/step-cache.ts";
import { clearStep } from "./solve/run-step.ts";
import type { SolveRooms } from "./solve/solving.ts";

const endTimeoutMilliseconds = 10_000;

/** Ends the commands of builds that went with an earlier daemon, and removes what they wrote to. */
export async function restoreSteps(
  rooms: SolveRooms,
  left: readonly StepRecord[],
  forget: (id: string) => void,
): Promise<void> {
  if (left.length > 0) await endSteps(rooms, left, forget);
  await dropSnapshots(rooms);
}

/** No build runs: what is not the cache's was for one that was cut off. */
async function dropSnapshots({ images, cache, logger }: SolveRooms): Promise<void> {
  const kept = new Set(cache.list().map(({ id }) => snapshotOf(id)));
  for (const name of images.snapshots.names()) {
    if (!name.startsWith(snapshotOf("")) || kept.has(name)) continue;
    await images.snapshots.remove(name).catch((error: unknown) => {
      logger.warn({ error: messageOf(error), snapshot: name }, "what a build left could not be removed");
    });
  }
}

async function endSteps(
  rooms: SolveRooms,
  left: readonly StepRecord[],
  forget: (id: string) => void,
): Promise<void> {
  const held = new Map((await rooms.supervisor().call("list", {})).map((one) => [one.process, one]));
  await Promise.all(
    left.map(async ({ id }) => {
      try {
        const process_ = held.get(id);
        if (process_ && !process_.exit) await end(process_.pid, process_.startTicks);
        if (/^[0-9a-f]{64}$/.test(id)) await clearStep(rooms, id);
        forget(id);
      } catch (error) {
        rooms.logger.warn(
          { error: messageOf(error), step: id },
          "what a build left could not be cleared away",
        );
      }
    }),
  );
}

async function end(pid: number, startTicks: number): Promise<void> {
  if (isAlive(pid, startTicks)) process.kill(pid, "SIGKILL");
  const deadline = Date.now() + endTimeoutMilliseconds;
  while (isAlive(pid, startTicks) && Date.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 20));
}
