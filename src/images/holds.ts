import type { State } from "../state/state.ts";

/** Layers that stay although no image may have them any more: a container lives on them. */
export interface Holds {
  /** The chainIDs that an owner holds, base first. */
  of(owner: string): readonly string[];
  add(owner: string, layers: readonly string[]): void;
  /** Returns what the owner held. */
  remove(owner: string): readonly string[];
  owners(): string[];
  /** All chainIDs that anyone holds, some several times. */
  layers(): Iterable<string>;
}

export function openHolds(state: State): Holds {
  const records = state.records<{ layers: readonly string[] }>("imageHolds");
  const holds = records.load();
  return {
    of: (owner) => holds.get(owner)?.layers ?? [],
    add(owner, layers) {
      records.put(owner, { layers });
      holds.set(owner, { layers });
    },
    remove(owner) {
      const held = holds.get(owner)?.layers ?? [];
      records.delete(owner);
      holds.delete(owner);
      return held;
    },
    owners: () => [...holds.keys()],
    *layers() {
      for (const hold of holds.values()) yield* hold.layers ?? [];
    },
  };
}
