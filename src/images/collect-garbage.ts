import { statfs } from "node:fs/promises";
import { EngineError } from "../errors.ts";
import { hexOf } from "../formats/digest.ts";
import { formatFamiliar } from "../formats/reference.ts";
import type { GarbagePolicy } from "./garbage-policy.ts";
import { type ImageUsers, removeImage } from "./remove.ts";
import type { ImageCatalog, ImageRecord } from "./store/catalog.ts";
import type { LastUse } from "./store/last-use.ts";

export interface GarbageOptions {
  policy: GarbagePolicy;
  users: ImageUsers;
  /** A folder on the file system that is to have room. */
  root: string;
  publish: (action: "untag" | "delete", id: string) => void;
  /** Removes what has come of downloads that were given up. */
  sweepPartials: () => void;
}

/**
 * Removes images that no container was made from, the longest unused first, as far as the policy wants.
 * @returns the names of what went
 */
export async function collectGarbage(
  { catalog, lastUse }: { catalog: ImageCatalog; lastUse: LastUse },
  { policy, users, root, publish, sweepPartials }: GarbageOptions,
): Promise<string[]> {
  const { highWaterPercent, lowWaterPercent } = policy;
  if (highWaterPercent !== undefined) {
    if ((await usedPercent(root)) < highWaterPercent) return [];
    // Half an image is worth less than a whole one.
    sweepPartials();
  }
  const gone: string[] = [];
  const lastUsed = (image: ImageRecord) => Math.max(lastUse.of(image.id), Date.parse(image.lastTagTime));
  const findUses = () => [...catalog.images.values()].map((image) => ({ image, at: lastUsed(image) }));
  // To remove an image that others were committed from frees nothing: they have its layers.
  const used = new Set([...users.keys(), ...[...catalog.images.values()].map(({ parent }) => parent)]);
  for (const { image, at } of findCandidates(findUses(), used, policy)) {
    // The removal of another may have taken a while.
    const isAsNew = (use: ImageUse) => use.image !== image && use.at >= at;
    if (catalog.isProtected(image) || catalog.images.get(image.id) !== image || lastUsed(image) !== at)
      continue;
    if (policy.keepLast > 0 && findUses().filter(isAsNew).length < policy.keepLast) continue;
    if (highWaterPercent !== undefined && (await usedPercent(root)) <= lowWaterPercent) break;
    gone.push(...(await removeAll(catalog, image, users, publish)));
  }
  return gone;
}

interface ImageUse {
  image: ImageRecord;
  /** Milliseconds since the epoch. */
  at: number;
}

/** The longest unused first. */
function findCandidates(
  uses: readonly ImageUse[],
  used: ReadonlySet<string>,
  { keepLast, unusedForSeconds }: GarbagePolicy,
): ImageUse[] {
  const bound = Date.now() - unusedForSeconds * 1000;
  return uses
    .toSorted((a, b) => b.at - a.at)
    .slice(keepLast)
    .filter(({ image, at }) => !used.has(image.id) && at <= bound)
    .reverse();
}

async function removeAll(
  catalog: ImageCatalog,
  { id }: ImageRecord,
  users: ImageUsers,
  publish: GarbageOptions["publish"],
): Promise<string[]> {
  const names = catalog.references.of(id).map(formatFamiliar);
  const gone: string[] = [];
  for (const name of names.length > 0 ? names : [hexOf(id)]) {
    try {
      await removeImage(catalog, name, { force: false, noPrune: false, users }, publish);
      gone.push(name);
    } catch (error) {
      // Another image or a container needs it after all.
      if (!(error instanceof EngineError)) throw error;
    }
  }
  return gone;
}

/** As df counts: what root alone may use is neither used nor free. */
async function usedPercent(root: string): Promise<number> {
  const { blocks, bfree, bavail } = await statfs(root);
  const used = blocks - bfree;
  return used + bavail === 0 ? 0 : (100 * used) / (used + bavail);
}
