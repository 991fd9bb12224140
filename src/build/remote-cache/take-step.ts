import { messageOf } from "../../errors.ts";
import { chainIds } from "../../formats/digest.ts";
import { layerLimit } from "../../formats/image-config.ts";
import type { CacheRecord } from "../cache/record.ts";
import { newCacheId, snapshotOf } from "../cache/step-cache.ts";
import { reportProblem } from "../progress.ts";
import type { Solving } from "../solve/solving.ts";
import type { ImportedStep } from "./read-cache.ts";

/** What is wanted of a cache. */
export interface WantedStep {
  key: string;
  /** chainIDs of what the step stands on, base first. */
  below: string[];
  /** It may have been done on something else. */
  isLinked: boolean;
  /** As progress shows the step. */
  name: string;
}

/**
 * Brings the layer of a step here that was done elsewhere, and takes it into the cache. Where that fails the progress says so, and the step
 * is to be done.
 * @returns undefined also for a step that was done on something else
 */
export async function takeStep(
  solving: Solving,
  { chain, createdAt, places }: ImportedStep,
  { key, below, isLinked, name }: WantedStep,
): Promise<CacheRecord | undefined> {
  const own = chain.at(-1);
  const under = chainIds(chain.slice(0, -1).map(({ diffId }) => diffId)).at(-1) ?? "";
  const fits = isLinked || under === (below.at(-1) ?? "");
  if (!own || !fits || below.length >= layerLimit) return undefined;
  const { rooms, signal, report } = solving;
  const id = newCacheId();
  const snapshot = snapshotOf(id);
  rooms.live.add(snapshot);
  try {
    const { layers, sizeBytes } = await rooms.images.layerBlobs.receive(
      snapshot,
      { below, diffId: own.diffId, blob: own.blob },
      places,
      signal,
    );
    return rooms.cache.add({
      ...{ id, key, layers, sizeBytes, description: name },
      ...(createdAt !== undefined && { createdAt }),
    });
  } catch (error) {
    // The layer may have come before that.
    await rooms.images.snapshots.remove(snapshot);
    signal.throwIfAborted();
    reportProblem(report, `importing cache layer of ${name}`, messageOf(error));
    return undefined;
  } finally {
    rooms.live.delete(snapshot);
  }
}
