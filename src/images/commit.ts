import type { ContainerConfig } from "../formats/docker-api.ts";
import { hostPlatform } from "../formats/image-config.ts";
import { addLayer } from "./add-layer.ts";
import type { Blobs } from "./blobs.ts";
import type { Catalog, ImageRecord } from "./catalog.ts";
import { applyChanges } from "./changes.ts";
import type { ImageJobs } from "./jobs.ts";

export interface CommitOptions {
  parent?: ImageRecord;
  /** The container's own layer. */
  upperDirectory: string;
  /** The container's config. */
  config: Partial<ContainerConfig>;
  author?: string;
  comment?: string;
  /** The command whose work the layer is, for the history. */
  createdBy?: string;
  containerId?: string;
  /** Dockerfile instructions, applied to `config`. */
  changes: readonly string[];
}

/** Makes an image of what a container changed. @throws invalid for a bad change */
export async function commitLayer(
  options: CommitOptions,
  { blobs, catalog, jobs }: { blobs: Blobs; catalog: Catalog; jobs: ImageJobs },
): Promise<ImageRecord> {
  const { parent, author, comment, containerId } = options;
  const config = applyChanges(options.config, options.changes);
  const layer = await jobs.pack(options.upperDirectory, blobs.temporaryPath());
  const { os, architecture, variant } = parent?.config ?? hostPlatform();
  return addLayer({ blobs, catalog }, layer, layer.digest, {
    ...(parent && { parent }),
    os,
    architecture,
    ...(variant && { variant }),
    ...(author && { author }),
    ...(comment && { comment }),
    ...(containerId && { container: containerId }),
    config,
    entry: {
      created: new Date().toISOString(),
      ...(options.createdBy && { created_by: options.createdBy }),
      ...(author && { author }),
      ...(comment && { comment }),
    },
  });
}
