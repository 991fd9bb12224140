import type { StoredEntry } from "./stored-tree.ts";

/**
 * What a tree uses of the packs that its content is in. A pack of which it uses less than half is not kept for its sake: so packs hold at
 * most twice what is used.
 */
export interface PackUse {
  /** Counts an entry of the tree. */
  add(entry: StoredEntry): void;
  packs(): string[];
  /** @param sizes in bytes, of those that are there */
  listSparse(sizes: ReadonlyMap<string, number>): ReadonlySet<string>;
}

export function createPackUse(): PackUse {
  const used = new Map<string, number>();
  /** Of files with several names. */
  const identities = new Set<string>();
  return {
    add({ content, identity, sizeBytes }) {
      if (!content) return;
      const isCounted = identity !== undefined && identities.has(identity);
      if (identity !== undefined) identities.add(identity);
      used.set(content.pack, (used.get(content.pack) ?? 0) + (isCounted ? 0 : sizeBytes));
    },
    packs: () => [...used.keys()],
    listSparse(sizes) {
      const isSparse = ([pack, bytes]: [string, number]) => (sizes.get(pack) ?? Infinity) > 2 * bytes;
      return new Set([...used].filter(isSparse).map(([pack]) => pack));
    },
  };
}
