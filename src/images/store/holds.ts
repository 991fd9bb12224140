import type { State } from "../../state/state.ts";
import { type Counts, createCounts } from "../image-index.ts";
import { holdKind } from "./kinds.ts";

/** What an owner holds. */
export interface Held {
  layers: readonly string[];
  blobs: readonly string[];
}

/** Layers, and blobs, that stay although no image may have them any more: a container or a snapshot lives on them. */
export interface Holds {
  /** The chainIDs that an owner holds, base first. */
  of(owner: string): readonly string[];
  has(owner: string): boolean;
  /** Instead of what the owner held. */
  put(owner: string, hold: Held): void;
  /** Returns what the owner held. */
  remove(owner: string): Held;
  owners(): string[];
  /** How many hold a chainID, or a blob. */
  layers: Counts;
  blobs: Counts;
}

const nothing: Held = { layers: [], blobs: [] };

export function openHolds(state: State): Holds {
  const records = state.records(holdKind);
  const holds = records.load();
  const [layers, blobs] = [createCounts(), createCounts()];

  function count(owner: string, change: number): Held {
    const held = holds.get(owner) ?? nothing;
    for (const chainId of held.layers) layers.add(chainId, change);
    for (const digest of held.blobs) blobs.add(digest, change);
    return held;
  }

  for (const owner of holds.keys()) count(owner, 1);
  return {
    of: (owner) => holds.get(owner)?.layers ?? [],
    has: (owner) => holds.has(owner),
    put(owner, { layers: chains, blobs: digests }) {
      const hold = { layers: [...chains], blobs: [...digests] };
      records.put(owner, hold);
      count(owner, -1);
      holds.set(owner, hold);
      count(owner, 1);
    },
    remove(owner) {
      // What cannot be stored now counts all the same, and once: the owner may be asked to let go again.
      records.deleteSoon(owner);
      const held = count(owner, -1);
      holds.delete(owner);
      return held;
    },
    owners: () => [...holds.keys()],
    layers,
    blobs,
  };
}
