import type { ByteString } from "../../formats/tar/tar-entry.ts";
import type { StoredEntry } from "./stored-tree.ts";

/** Where the content of files is. */
export function packsOf(files: Iterable<StoredEntry>): Set<string> {
  const packs = new Set<string>();
  for (const { content } of files) if (content) packs.add(content.pack);
  return packs;
}

/**
 * Files of a tree whose content may serve for the next one. A pack of which the tree uses less than half is not kept for its sake: so
 * packs hold at most twice what is used. @param packs their sizes in bytes, of those that are there
 */
export function withoutSparsePacks(
  files: ReadonlyMap<ByteString, StoredEntry>,
  packs: ReadonlyMap<string, number>,
): Map<ByteString, StoredEntry> {
  const used = new Map<string, number>();
  const identities = new Set<string>();
  for (const { content, identity, sizeBytes } of files.values()) {
    if (!content || (identity !== undefined && identities.has(identity))) continue;
    if (identity !== undefined) identities.add(identity);
    used.set(content.pack, (used.get(content.pack) ?? 0) + sizeBytes);
  }
  const isKept = (pack: string) => (packs.get(pack) ?? Infinity) <= 2 * (used.get(pack) ?? 0);
  return new Map([...files].filter(([, { content }]) => content && isKept(content.pack)));
}
