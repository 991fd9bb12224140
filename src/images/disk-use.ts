import { join } from "node:path";
import type { ImageJobs } from "./jobs.ts";
import type { Layers } from "./layers.ts";

/** What the image store occupies on the disk, as `du` counts: layers, blobs and what is on its way here. */
export function createDiskUse(root: string, layers: Layers, jobs: ImageJobs): () => Promise<number> {
  // A layer never changes: it is measured once.
  const known = new Map<string, number>();
  return async () => {
    const all = [...layers.all()];
    const there = new Set<string>(all.map(({ chainId }) => chainId));
    for (const chainId of known.keys()) if (!there.has(chainId)) known.delete(chainId);
    for (const { chainId } of all) {
      if (known.has(chainId)) continue;
      if (!layers.isThere(chainId)) continue;
      known.set(chainId, await jobs.measure(layers.directory(chainId)));
    }
    const layersBytes = [...known.values()].reduce((sum, bytes) => sum + bytes, 0);
    return layersBytes + (await jobs.measure(join(root, "blobs")));
  };
}
