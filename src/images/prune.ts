import { EngineError } from "../errors.ts";
import { hexOf } from "../formats/digest.ts";
import type { ImageDeleteItem } from "../formats/docker-api.ts";
import { formatFamiliar } from "../formats/reference.ts";
import type { Catalog, ImageRecord } from "./catalog.ts";
import type { Layers } from "./layers.ts";
import { type ImageUser, removeImage } from "./remove.ts";

export interface PruneOptions {
  /** Only images without a tag; else all that no container was made from. */
  dangling: boolean;
  /** Unix seconds: only images created before. */
  until?: number;
  /** `KEY` or `KEY=VALUE`, all of which an image must have. */
  labels?: readonly string[];
  /** Of which it may have none. */
  withoutLabels?: readonly string[];
  users: readonly ImageUser[];
}

/** Removes images that nothing uses. */
export async function pruneImages(
  catalog: Catalog,
  layers: Layers,
  options: PruneOptions,
  publish: (action: "untag" | "delete", id: string) => void,
): Promise<{ deleted: ImageDeleteItem[]; spaceReclaimedBytes: number }> {
  const deleted: ImageDeleteItem[] = [];
  const sizes = new Map([...layers.all()].map(({ chainId, sizeBytes }) => [chainId as string, sizeBytes]));
  const removal = { force: false, noPrune: false, users: options.users };
  for (const { id } of [...catalog.images.values()]) {
    const image = catalog.images.get(id);
    if (!image || !isWanted(catalog, image, options)) continue;
    const names = catalog.references.of(id).map(formatFamiliar);
    for (const name of names.length > 0 ? names : [hexOf(id)]) {
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

function isWanted(catalog: Catalog, image: ImageRecord, options: PruneOptions): boolean {
  if (options.users.some(({ imageId }) => imageId === image.id)) return false;
  const references = catalog.references.of(image.id);
  if (options.dangling && references.some(({ tag }) => tag)) return false;
  if (options.until !== undefined && Date.parse(image.config.created ?? "") / 1000 >= options.until)
    return false;
  const labels = image.config.config?.Labels ?? {};
  return (
    (options.labels ?? []).every((label) => hasLabel(labels, label)) &&
    !(options.withoutLabels ?? []).some((label) => hasLabel(labels, label))
  );
}

function hasLabel(labels: Record<string, string>, wanted: string): boolean {
  const [key = "", ...value] = wanted.split("=");
  return Object.hasOwn(labels, key) && (value.length === 0 || labels[key] === value.join("="));
}
