import { randomUUID } from "node:crypto";
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Digest } from "../../formats/digest.ts";
import { removeTree } from "../../trees/trees.ts";
import type { StagedTree } from "../stage-tree.ts";
import type { LayerRecord } from "./kinds.ts";
import type { LayerFolders } from "./layer-folders.ts";
import type { ReceiveLayer } from "./make-layer.ts";

/** A layer that was made here and has no owner yet. */
export interface StagedLayer extends StagedTree {
  /** Until it is kept. */
  places: { directory: string; framePath: string };
  /** Makes it the layer of that name, with its frame; where there is one already, that stays. */
  keep(chainId: Digest): Promise<LayerRecord>;
  /** Call it in the end: what was not kept goes. */
  discard(): Promise<void>;
}

/** Makes a folder and its frame, which become a layer once its name is known. @throws what `make` throws */
export async function stageLayer(
  { blobs, staging }: LayerFolders,
  receive: ReceiveLayer,
  make: (target: string, framePath: string) => Promise<StagedTree>,
): Promise<StagedLayer> {
  const stage = await staging.enter();
  const places = { directory: join(stage.path, `made-${randomUUID()}`), framePath: blobs.temporaryPath() };
  const { directory, framePath } = places;

  async function discard(): Promise<void> {
    try {
      await Promise.all([removeTree(directory), rm(framePath, { force: true })]);
    } finally {
      await stage.leave();
    }
  }

  async function keep(chainId: Digest, { diffId, sizeBytes }: StagedTree): Promise<LayerRecord> {
    const layer = await receive(chainId, diffId, async (target, frame) => {
      await rename(directory, target);
      await rename(framePath, frame);
      return { diffId, sizeBytes, hasFrame: true };
    });
    if (!blobs.hasFrame(diffId)) await blobs.keepFrame(framePath, diffId);
    return layer;
  }

  try {
    const tree = await make(directory, framePath);
    return { ...tree, places, keep: (chainId) => keep(chainId, tree), discard };
  } catch (error) {
    await discard();
    throw error;
  }
}
