import { statSync } from "node:fs";
import { type IdMapping, type IdPair, ownerOutside } from "../formats/id-mapping.ts";
import { findLargestOwners } from "../trees/trees.ts";

/** What is known of layers, which never change. By directory and inode. */
const known = new Map<string, Promise<IdPair>>();
const mostKnown = 4096;

/**
 * Refuses layers that have files of users whom a user namespace does not have. The first time a layer is looked at takes as long as
 * there are files in it.
 * @param layers directories that are written to by no one
 * @throws EngineError invalid in Docker's words
 */
export async function checkLayerOwners(mapping: IdMapping, layers: readonly string[]): Promise<void> {
  const largest = await Promise.all(layers.map(largestOwnersOf));
  // What a namespace has begins at 0 and has no gaps.
  for (const owner of largest) ownerOutside(mapping, owner);
}

function largestOwnersOf(layer: string): Promise<IdPair> {
  const key = `${layer} ${statSync(layer).ino}`;
  const present = known.get(key);
  if (present) return present;
  const found = findLargestOwners(layer);
  known.set(key, found);
  found.catch(() => known.delete(key));
  const [oldest] = known.keys();
  if (known.size > mostKnown && oldest !== undefined) known.delete(oldest);
  return found;
}
