import { statfs } from "node:fs/promises";
import { EngineError } from "../errors.ts";
import { hexOf } from "../formats/digest.ts";
import { formatFamiliar } from "../formats/reference.ts";
import type { Catalog, ImageRecord } from "./catalog.ts";
import type { LastUse } from "./last-use.ts";
import { type ImageUser, removeImage } from "./remove.ts";

/** When images are removed that nobody asked to be removed. */
export interface GarbagePolicy {
  /** Only when the data root's file system is that full; absent: whenever one has been unused for long enough. */
  highWaterPercent?: number;
  /** Then until it is no more than that full. */
  lowWaterPercent: number;
  /** So many images stay, those used last. */
  keepLast: number;
  /** None goes that was used, tagged or pulled since. */
  unusedForSeconds: number;
}

export interface GarbageOptions {
  policy: GarbagePolicy;
  users: readonly ImageUser[];
  /** A folder on the file system that is to have room. */
  root: string;
  publish: (action: "untag" | "delete", id: string) => void;
}

/**
 * Removes images that no container was made from, the longest unused first, as far as the policy wants.
 * @returns the names of what went
 */
export async function collectGarbage(
  { catalog, lastUse }: { catalog: Catalog; lastUse: LastUse },
  { policy, users, root, publish }: GarbageOptions,
): Promise<string[]> {
  const { highWaterPercent, lowWaterPercent } = policy;
  if (highWaterPercent !== undefined && (await usedPercent(root)) < highWaterPercent) return [];
  const gone: string[] = [];
  for (const image of findCandidates(catalog, lastUse, users, policy)) {
    if (highWaterPercent !== undefined && (await usedPercent(root)) <= lowWaterPercent) break;
    gone.push(...(await removeAll(catalog, image, users, publish)));
  }
  return gone;
}

function findCandidates(
  catalog: Catalog,
  lastUse: LastUse,
  users: readonly ImageUser[],
  { keepLast, unusedForSeconds }: GarbagePolicy,
): ImageRecord[] {
  // To remove an image that others were committed from frees nothing: they have its layers.
  const used = new Set([
    ...users.map(({ imageId }) => imageId),
    ...[...catalog.images.values()].map(({ parent }) => parent),
  ]);
  const usedAt = (image: ImageRecord) => Math.max(lastUse.of(image.id), Date.parse(image.lastTagTime));
  const bound = Date.now() - unusedForSeconds * 1000;
  return [...catalog.images.values()]
    .sort((a, b) => usedAt(b) - usedAt(a))
    .slice(keepLast)
    .filter((image) => !used.has(image.id) && usedAt(image) <= bound)
    .reverse();
}

async function removeAll(
  catalog: Catalog,
  { id }: ImageRecord,
  users: readonly ImageUser[],
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
