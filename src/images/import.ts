import type { Readable } from "node:stream";
import { hostPlatform } from "../formats/image-config.ts";
import { addLayer } from "./add-layer.ts";
import type { Blobs } from "./blobs.ts";
import type { Catalog, ImageRecord } from "./catalog.ts";
import { applyChanges } from "./changes.ts";
import { decompress } from "./decompress.ts";

export interface ImportOptions {
  message?: string;
  /** Dockerfile instructions: `CMD ["sh"]`. */
  changes: readonly string[];
  platform?: { os: string; architecture: string; variant?: string };
  /** RFC 3339; now when left out. */
  created?: string;
}

/** Makes an image of one layer from a root file system's tar, plain or compressed. @throws invalid */
export async function importRootfs(
  input: Readable,
  options: ImportOptions,
  { blobs, catalog }: { blobs: Blobs; catalog: Catalog },
): Promise<ImageRecord> {
  const config = applyChanges({}, options.changes);
  const { output } = await decompress(input);
  const layer = await blobs.spool(output);
  const created = options.created ?? new Date().toISOString();
  return addLayer({ blobs, catalog }, layer, layer.digest, {
    ...(options.platform ?? hostPlatform()),
    config,
    entry: { created, comment: options.message || "Imported from -" },
    ...(options.message && { comment: options.message }),
  });
}
