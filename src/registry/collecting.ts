import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { conflict } from "../errors.ts";
import { collectingFolder, collectingKey, collectingName } from "./layout.ts";
import type { Storage } from "./storage.ts";

/** The right to collect garbage, which one collection at a time has, on whatever machine. */
export interface Turn {
  /** By the storage's clock. */
  began: Date;
  /** @throws EngineError conflict when it was taken for killed meanwhile, as on a machine that slept, and another may have begun */
  check(): Promise<void>;
  end(): Promise<void>;
}

/** As long as a collection that was killed holds up the next. */
const lostMilliseconds = 5 * 60_000;
const mostTries = 3;
const longestPauseMilliseconds = 1000;

const busy = () =>
  conflict("another garbage collection is running here, or was killed within the last five minutes");

/** @throws EngineError conflict while another has it */
export async function takeTurn(storage: Storage): Promise<Turn> {
  const key = collectingKey(randomUUID());
  const began = await announce(storage, key);
  // A collection that begins later removes what has not been seen alive.
  const isOurs = async () => (await storage.find(key)) !== undefined;
  let renewal = Promise.resolve();
  const renew = async () => {
    if (await isOurs()) await storage.write(key, "", true);
  };
  const heartbeat = setInterval(() => {
    renewal = renew().catch(() => {});
  }, lostMilliseconds / 5);
  return {
    began,
    async check() {
      if (!(await isOurs())) throw busy();
    },
    async end() {
      clearInterval(heartbeat);
      await renewal;
      await storage.remove(key);
    },
  };
}

/** Each writes itself down, then looks for others: whichever of two comes second sees the other. Both do that began in the same moment. */
async function announce(storage: Storage, key: string): Promise<Date> {
  for (let tries = 1; ; tries++) {
    await storage.write(key, "", true);
    const began = (await storage.find(key))?.modified ?? new Date();
    try {
      if (!(await isAnyAlive(storage, key, began))) return began;
    } catch (error) {
      await storage.remove(key);
      throw error;
    }
    await storage.remove(key);
    if (tries === mostTries) throw busy();
    await sleep(Math.random() * tries * longestPauseMilliseconds);
  }
}

/** Removes those that were killed. */
async function isAnyAlive(storage: Storage, own: string, now: Date): Promise<boolean> {
  const names = (await storage.list(collectingFolder)).filter((name) => name.startsWith(collectingName));
  const others = names.map((name) => `${collectingFolder}/${name}`).filter((key) => key !== own);
  let isAlive = false;
  for (const key of others) {
    const other = await storage.find(key);
    if (!other) continue;
    const isLost = now.getTime() - other.modified.getTime() > lostMilliseconds;
    if (isLost) await storage.remove(key);
    else isAlive = true;
  }
  return isAlive;
}
