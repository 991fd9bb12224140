import type { Readable } from "node:stream";
import type { Digest } from "../../formats/digest.ts";
import { hostPlatform } from "../../formats/image-config.ts";
import { decompress } from "../../trees/decompress.ts";
import { addLayer } from "../add-layer.ts";
import { applyChanges } from "../changes.ts";
import type { ImageCatalog, ImageRecord } from "../store/catalog.ts";
import { type ArchiveStore, discardFile, stageArchive } from "./archive-file.ts";

export interface ImportOptions {
  message?: string;
  /** Dockerfile instructions: `CMD ["sh"]`. */
  changes: readonly string[];
  platform?: { os: string; architecture: string; variant?: string };
  /** RFC 3339; now when left out. */
  created?: string;
}

/** Makes an image of one layer from a root file system's tar, plain or compressed. @param onAdded as for `addLayer` @throws invalid */
export async function importRootfs(
  input: Readable,
  options: ImportOptions,
  { catalog, ...store }: ArchiveStore & { catalog: ImageCatalog },
  onAdded: (image: ImageRecord) => void,
): Promise<ImageRecord> {
  const { blobs } = store;
  const config = applyChanges({}, options.changes);
  const { output } = await decompress(input);
  const layer = await stageArchive(output, store);
  const created = options.created ?? new Date().toISOString();
  const { digest, sizeBytes, staged } = layer;
  const keep = async (chainId: Digest) => (staged ? staged.keep(chainId) : blobs.keep(layer));
  const added = addLayer(
    { blobs, catalog },
    { diffId: digest, archiveBytes: sizeBytes, keep },
    {
      ...(options.platform ?? hostPlatform()),
      config,
      entry: { created, comment: options.message || "Imported from -" },
      ...(options.message && { comment: options.message }),
    },
    onAdded,
  );
  return added.finally(() => discardFile(layer, blobs));
}
