import { messageOf } from "../../errors.ts";
import { layerLimit } from "../../formats/image-config.ts";
import type { CacheRecord } from "../cache/record.ts";
import { newCacheId, snapshotOf } from "../cache/step-cache.ts";
import { reportProblem } from "../progress.ts";
import type { WantedStep } from "../remote-cache/take-step.ts";
import type { Solving } from "./solving.ts";

/**
 * Puts what a step has made on something else than it was made on. Where that fails the progress says so, and the step is to be done.
 * @returns undefined also where too many layers are below
 */
export async function placeStep(
  { rooms, signal, report }: Solving,
  made: CacheRecord,
  { key, below, name }: WantedStep,
): Promise<CacheRecord | undefined> {
  if (below.length >= layerLimit) return undefined;
  const { layers, createdAt, sizeBytes } = made;
  const { layerBlobs, snapshots } = rooms.images;
  const release = rooms.cache.use(made);
  const id = newCacheId();
  const snapshot = snapshotOf(id);
  rooms.live.add(snapshot);
  try {
    const placed = await layerBlobs.place(snapshot, below, layerBlobs.diffIdOf(layers.at(-1) ?? ""));
    return rooms.cache.add({ id, key, layers: placed, description: name, sizeBytes, createdAt });
  } catch (error) {
    // The layer may be in its place before that.
    await snapshots.remove(snapshot);
    signal.throwIfAborted();
    reportProblem(report, `reusing the layer of ${name}`, messageOf(error));
    return undefined;
  } finally {
    rooms.live.delete(snapshot);
    release();
  }
}
