import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { invalid } from "../../errors.ts";
import { layerLimit } from "../../formats/image-config.ts";
import type { CacheRecord } from "../cache/record.ts";
import { newCacheId, snapshotOf } from "../cache/step-cache.ts";
import type { BuildRooms } from "../rooms.ts";
import type { StepTarget } from "./copy-action.ts";
import type { SolveRooms } from "./solving.ts";

/** Directories of layers, topmost first; an empty one for none, since an overlay needs one below. */
export function lowerDirectoriesOf({ root }: BuildRooms, lower: readonly string[]): string[] {
  if (lower.length > 0) return [...lower];
  const empty = join(root, "build", "empty");
  mkdirSync(empty, { recursive: true, mode: 0o755 });
  return [empty];
}

/**
 * Has `write` write a step's layer, and takes it into the cache. What fails leaves nothing.
 * @param layers chainIDs of what is below, base first
 */
export async function makeStepLayer(
  rooms: SolveRooms,
  about: { layers: string[]; key: string; description: string },
  write: (id: string, target: StepTarget) => Promise<void>,
): Promise<CacheRecord> {
  const { snapshots } = rooms.images;
  if (about.layers.length >= layerLimit) throw invalid("max depth exceeded");
  const id = newCacheId();
  const name = snapshotOf(id);
  rooms.begun.add(id, name);
  rooms.live.add(name);
  try {
    const { lower, upper, work } = snapshots.prepare(name, about.layers);
    await write(id, { lower: lowerDirectoriesOf(rooms, lower), upper, work });
    const { layers, sizeBytes } = await snapshots.commit(name);
    return rooms.cache.add({ id, key: about.key, layers, description: about.description, sizeBytes });
  } catch (error) {
    await snapshots.remove(name).catch((failure: unknown) => {
      rooms.logger.warn({ error: failure, snapshot: name }, "what a build step left could not be removed");
    });
    throw error;
  } finally {
    rooms.begun.delete(id);
    rooms.live.delete(name);
    rmSync(join(rooms.execRoot, "build", id), { recursive: true, force: true });
  }
}
