import type { Digest } from "../formats/digest.ts";
import type { ContainerConfig } from "../formats/docker-api/docker-api.ts";
import { hostPlatform } from "../formats/image-config.ts";
import type { Platform } from "../formats/oci-manifest.ts";
import { addLayer } from "./add-layer.ts";
import { type ContentBelow, copyLayers } from "./held-layers.ts";
import type { ImageJobs } from "./jobs.ts";
import { mainManifest, type PresentManifest } from "./select-manifest.ts";
import type { BlobStore } from "./store/blobs.ts";
import type { ImageCatalog, ImageRecord } from "./store/catalog.ts";
import type { Layers } from "./store/layers.ts";

export interface CommitOptions {
  /** The container's image, and which of its manifests it runs. */
  parent?: ImageRecord;
  manifest?: PresentManifest;
  /** Without a parent: whose layers are below, which were left of an image. */
  heldBy?: string;
  /** The container's own layer. */
  upperDirectory: string;
  /** The image's. */
  config: Partial<ContainerConfig>;
  author?: string;
  comment?: string;
  /** The command whose work the layer is, for the history. */
  createdBy?: string;
  containerId?: string;
}

interface CommitStore {
  blobs: BlobStore;
  catalog: ImageCatalog;
  layers: Layers;
  jobs: ImageJobs;
}

/** Makes an image of what a container changed. @param onAdded as for `addLayer` */
export async function commitLayer(
  options: CommitOptions,
  store: CommitStore,
  onAdded: (image: ImageRecord) => void,
): Promise<ImageRecord> {
  const { parent } = options;
  if (parent) {
    const { content } = options.manifest ?? mainManifest(parent);
    return commitOn({ content, id: parent.id, platform: content.config }, options, store, onAdded);
  }
  const chains = options.heldBy === undefined ? [] : store.catalog.held(options.heldBy);
  const copied = await copyLayers(store, chains, new Date().toISOString());
  try {
    return await commitOn({ ...copied, platform: hostPlatform() }, options, store, onAdded);
  } finally {
    await copied.discard();
  }
}

/** What the new layer lies on. */
interface Ground {
  content: ContentBelow;
  /** Of the image that has it. */
  id?: string;
  platform: Platform;
  keep?(): Promise<void>;
}

async function commitOn(
  ground: Ground,
  { upperDirectory, config, author, comment, containerId, createdBy }: CommitOptions,
  { blobs, catalog, layers, jobs }: CommitStore,
  onAdded: (image: ImageRecord) => void,
): Promise<ImageRecord> {
  const staged = await layers.stage((target, framePath) =>
    jobs.stage({ upperDirectory, target, framePath, isMoved: false }),
  );
  const { os, architecture, variant } = ground.platform;
  const layer = {
    ...staged,
    async keep(chainId: Digest) {
      await ground.keep?.();
      await staged.keep(chainId);
    },
  };
  const settings = {
    below: ground.content,
    ...(ground.id && { parent: ground.id }),
    os,
    architecture,
    ...(variant && { variant }),
    ...(author && { author }),
    ...(comment && { comment }),
    ...(containerId && { container: containerId }),
    config,
    entry: {
      created: new Date().toISOString(),
      ...(createdBy && { created_by: createdBy }),
      ...(author && { author }),
      ...(comment && { comment }),
    },
  };
  return addLayer({ blobs, catalog }, layer, settings, onAdded).finally(staged.discard);
}
