import { messageOf } from "../../errors.ts";
import type { CacheRecord } from "../cache/record.ts";
import { newCacheId, snapshotOf } from "../cache/step-cache.ts";
import type { Step } from "../graph/steps.ts";
import { reportProblem } from "../progress.ts";
import type { HistoryLayer } from "../remote-cache/history-cache.ts";
import type { Solving } from "./solving.ts";

/** What a step stands on. */
interface Place {
  key: string;
  /** chainIDs, base first. */
  below: string[];
}

/** The layer that an image has of a step. Of a copy its history does not say what was copied, so that is done and compared. */
export async function findInHistory(
  solving: Solving,
  node: Step,
  place: Place,
): Promise<CacheRecord | undefined> {
  const found = node.kind === "copy" ? undefined : solving.history?.find(node, place.below);
  return found && takeHistoryLayer(solving, node, place, found);
}

/** Where an image has the same layer but for the times in it, that one: so the steps above are found there as well. */
export async function preferHistory(
  solving: Solving,
  node: Step,
  place: Place,
  made: CacheRecord,
): Promise<CacheRecord> {
  const found =
    node.kind === "copy" && !node.ignoresCache ? solving.history?.find(node, place.below) : undefined;
  if (!found) return made;
  // It may take long to fetch, and the record is no build's yet: a prune would take it.
  const release = solving.rooms.cache.use(made);
  try {
    return (await takeHistoryLayer(solving, node, place, found, made)) ?? made;
  } finally {
    release();
  }
}

/** @param same what it has to be like. @returns undefined when it is not, or cannot be had */
async function takeHistoryLayer(
  solving: Solving,
  node: Step,
  { key, below }: Place,
  { diffId, blob, createdAt }: HistoryLayer,
  same?: CacheRecord,
): Promise<CacheRecord | undefined> {
  const { rooms, signal, report } = solving;
  const { layerBlobs, snapshots } = rooms.images;
  const id = newCacheId();
  const snapshot = snapshotOf(id);
  rooms.live.add(snapshot);
  try {
    const { layers, sizeBytes } = await layerBlobs.receive(snapshot, { below, diffId, blob }, [], signal);
    const [own, other] = [layers.at(-1) ?? "", same?.layers.at(-1)];
    if (other !== undefined) {
      const isSame = own !== other && (await contentOf(solving, own)) === (await contentOf(solving, other));
      if (!isSame) {
        await snapshots.remove(snapshot);
        return undefined;
      }
    }
    const time = createdAt !== undefined && { createdAt };
    return rooms.cache.add({ id, key, layers, description: node.name, sizeBytes, ...time });
  } catch (error) {
    // The layer may have come before that.
    await snapshots.remove(snapshot);
    signal.throwIfAborted();
    reportProblem(report, `using the cached layer of ${node.name}`, messageOf(error));
    return undefined;
  } finally {
    rooms.live.delete(snapshot);
  }
}

/** Of one layer: names, kinds, owners, modes, content, and what it deletes of those below; no times. */
function contentOf({ rooms, signal }: Solving, chain: string): Promise<string> {
  const [layer] = rooms.images.layerDirectories([chain]) as [string];
  return rooms.files.run({ kind: "digest", layer }, signal);
}
