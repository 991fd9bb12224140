import type { Digest } from "../formats/digest.ts";
import type { LayerRecord } from "./store/kinds.ts";

/** Layers by chainID, and by the archive that they were made of: on whatever other layers it lies, that one makes the same files. */
export interface LayerIndex {
  get(chainId: string): LayerRecord | undefined;
  has(chainId: string): boolean;
  set(layer: LayerRecord): void;
  delete(layer: LayerRecord): void;
  all(): Iterable<LayerRecord>;
  withDiffId(diffId: string): LayerRecord[];
}

export function createLayerIndex(layers: ReadonlyMap<string, LayerRecord>): LayerIndex {
  const byChain = new Map<string, LayerRecord>();
  const byDiffId = new Map<string, Map<Digest, LayerRecord>>();

  function set(layer: LayerRecord): void {
    byChain.set(layer.chainId, layer);
    const same = byDiffId.get(layer.diffId) ?? new Map();
    byDiffId.set(layer.diffId, same.set(layer.chainId, layer));
  }

  for (const layer of layers.values()) set(layer);
  return {
    get: (chainId) => byChain.get(chainId),
    has: (chainId) => byChain.has(chainId),
    set,
    delete({ chainId, diffId }) {
      byChain.delete(chainId);
      const same = byDiffId.get(diffId);
      same?.delete(chainId);
      if (same?.size === 0) byDiffId.delete(diffId);
    },
    all: () => byChain.values(),
    withDiffId: (diffId) => [...(byDiffId.get(diffId)?.values() ?? [])],
  };
}
