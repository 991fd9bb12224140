import { chainIds, type Digest } from "../formats/digest.ts";
import type { ImageConfig } from "../formats/image-config.ts";
import { mediaTypes } from "../formats/oci-manifest.ts";
import type { ImageJobs } from "./jobs.ts";
import type { ImageContent } from "./store/kinds.ts";
import type { Layers } from "./store/layers.ts";
import type { StagedLayer } from "./store/stage-layer.ts";

/** What a new image has below its own layer: of another image, or of layers that were left of one. */
export interface ContentBelow extends Pick<ImageContent, "blobs" | "packed"> {
  config: Pick<ImageConfig, "rootfs" | "history">;
}

/** Copies of the layers of an image that is gone. */
export interface CopiedLayers {
  content: ContentBelow;
  /** Puts them into the store; call it while their names are protected. */
  keep(): Promise<void>;
  /** Call it in the end. */
  discard(): Promise<void>;
}

/**
 * Makes layers of those that an owner holds, for an image of its own: with the image that they came with their archives have gone, and
 * with those their names.
 * @param chains base first
 * @param created RFC 3339, for the history
 */
export async function copyLayers(
  { layers, jobs }: { layers: Layers; jobs: ImageJobs },
  chains: readonly string[],
  created: string,
): Promise<CopiedLayers> {
  const staged: StagedLayer[] = [];
  const discard = async () => void (await Promise.all(staged.map((layer) => layer.discard())));
  try {
    for (const chainId of chains)
      staged.push(
        await layers.stage((target, framePath) =>
          jobs.stage({ upperDirectory: layers.directory(chainId), target, framePath, isMoved: false }),
        ),
      );
  } catch (error) {
    await discard();
    throw error;
  }
  const diffIds = staged.map(({ diffId }) => diffId);
  const copiedChains = chainIds(diffIds);
  return {
    content: {
      config: {
        rootfs: { type: "layers", diff_ids: diffIds },
        history: staged.map(() => ({ created, comment: "of an image that was removed" })),
      },
      blobs: staged.map(({ diffId, archiveBytes }) => {
        return { mediaType: mediaTypes.layer, digest: diffId, size: archiveBytes };
      }),
    },
    async keep() {
      for (const [at, layer] of staged.entries()) await layer.keep(copiedChains[at] as Digest);
    },
    discard,
  };
}
