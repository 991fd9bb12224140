import { join } from "node:path";
import { measureTree } from "../../trees/trees.ts";
import type { Layers } from "./layers.ts";

/**
 * What the image store occupies on the disk, as `du` counts: layers, blobs and what is on its way here. What is removed
 * meanwhile counts nothing.
 */
export function createDiskUse(root: string, layers: Layers): (signal?: AbortSignal) => Promise<number> {
  // A layer never changes: it is measured once.
  const known = new Map<string, number>();
  return async (signal) => {
    const all = [...layers.all()];
    const there = new Set<string>(all.map(({ chainId }) => chainId));
    for (const chainId of known.keys()) if (!there.has(chainId)) known.delete(chainId);
    for (const { chainId } of all) {
      if (known.has(chainId)) continue;
      if (!layers.isThere(chainId)) continue;
      const { diskBytes } = await measureTree(layers.directory(chainId), signal);
      if (layers.isThere(chainId)) known.set(chainId, diskBytes);
    }
    const layersBytes = [...known.values()].reduce((sum, bytes) => sum + bytes, 0);
    return layersBytes + (await measureTree(join(root, "blobs"), signal)).diskBytes;
  };
}
