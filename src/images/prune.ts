import { EngineError } from "../errors.ts";
import { hexOf } from "../formats/digest.ts";
import type { ImageDeleteItem } from "../formats/docker-api/docker-api.ts";
import { type Filters, fitsLabels } from "../formats/filters.ts";
import { formatFamiliar } from "../formats/reference.ts";
import { createPauses } from "../sys/pauses.ts";
import { type ImageUsers, removeImage } from "./remove.ts";
import { contentOf } from "./select-manifest.ts";
import type { ImageCatalog, ImageRecord } from "./store/catalog.ts";
import type { Layers } from "./store/layers.ts";

export interface PruneOptions {
  /** Only images without a tag; else all that no container was made from. */
  dangling: boolean;
  /** Unix seconds: only images created before. */
  until?: number;
  /** Of their labels. */
  filters?: Filters;
  users: ImageUsers;
  /** Aborted when no one waits for it any more: then the others stay. */
  gone?: AbortSignal;
}

/** Removes images that nothing uses. */
export async function pruneImages(
  catalog: ImageCatalog,
  layers: Layers,
  options: PruneOptions,
  publish: (action: "untag" | "delete", id: string) => void,
): Promise<{ deleted: ImageDeleteItem[]; spaceReclaimedBytes: number }> {
  const deleted: ImageDeleteItem[] = [];
  const sizes = new Map([...layers.all()].map(({ chainId, sizeBytes }) => [chainId as string, sizeBytes]));
  const pause = createPauses();
  const removal = { force: false, noPrune: false, users: options.users };
  for (const { id } of [...catalog.images.values()]) {
    if (options.gone?.aborted) break;
    const image = catalog.images.get(id);
    if (!image || !isWanted(catalog, image, options)) continue;
    const names = catalog.references.of(id).map(formatFamiliar);
    for (const name of names.length > 0 ? names : [hexOf(id)]) {
      await pause.take();
      // It may have got a name or a container meanwhile.
      const now = catalog.images.get(id);
      if (!now || !isWanted(catalog, now, options)) break;
      try {
        deleted.push(...(await removeImage(catalog, name, removal, publish)));
      } catch (error) {
        // Something needs it after all: that is what pruning leaves alone.
        if (!(error instanceof EngineError)) throw error;
      }
    }
  }
  const spaceReclaimedBytes = deleted.reduce((sum, item) => sum + (sizes.get(item.Deleted ?? "") ?? 0), 0);
  return { deleted, spaceReclaimedBytes };
}

function isWanted(catalog: ImageCatalog, image: ImageRecord, options: PruneOptions): boolean {
  if (options.users.has(image.id) || catalog.isProtected(image)) return false;
  const references = catalog.references.of(image.id);
  if (options.dangling && references.some(({ tag }) => tag)) return false;
  const { config } = contentOf(image);
  if (options.until !== undefined && Date.parse(config.created ?? "") / 1000 >= options.until) return false;
  const labels = config.config?.Labels ?? null;
  return fitsLabels(options.filters ?? new Map(), labels);
}
