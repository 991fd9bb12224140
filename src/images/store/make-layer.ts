import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { invalid } from "../../errors.ts";
import type { Digest } from "../../formats/digest.ts";
import { removeTree } from "../../trees/trees.ts";
import type { Unpacked } from "../unpack.ts";
import type { LayerRecord } from "./kinds.ts";
import { type LayerFolders, layerFolderOf } from "./layer-folders.ts";

/** Makes the folder `target` of a layer's archive, and its frame in the new file `framePath` where it can. */
export type UnpackInto = (target: string, framePath: string) => Promise<Unpacked>;

/** As a store's: the layer of that name, made by `unpack` when it is not there. */
export type ReceiveLayer = (chainId: Digest, diffId: Digest, unpack: UnpackInto) => Promise<LayerRecord>;

/**
 * Makes a layer that is not there. Where another has been made by then, that stays.
 * @throws what `unpack` throws; invalid for another diffID
 */
export async function makeLayer(
  place: LayerFolders,
  { chainId, diffId }: Pick<LayerRecord, "chainId" | "diffId">,
  unpack: UnpackInto,
): Promise<LayerRecord> {
  const { numbers, blobs, layers } = place;
  const stage = await place.staging.enter();
  const number = numbers.take();
  const temporary = join(stage.path, String(number));
  const folder = layerFolderOf(place, number);
  const framePath = blobs.temporaryPath();
  /** If even that fails, the next start does it; until then the number of a folder that is there stays taken. */
  const discard = async () => {
    await removeTree(temporary).catch(() => {});
    await removeTree(folder).then(
      () => numbers.giveBack(number),
      () => {},
    );
  };
  try {
    const unpacked = await unpack(temporary, framePath);
    if (unpacked.diffId !== diffId) throw wrongDiffId(unpacked.diffId, diffId);
    if (unpacked.hasFrame) await blobs.keepFrame(framePath, diffId);
    await rename(temporary, folder);
    const other = layers.get(chainId);
    if (other) {
      await discard();
      return other;
    }
    const layer = { chainId, diffId, number, sizeBytes: unpacked.sizeBytes };
    place.records.put(chainId, layer);
    layers.set(layer);
    return layer;
  } catch (error) {
    await discard();
    throw error;
  } finally {
    await rm(framePath, { force: true });
    await stage.leave();
  }
}

export function wrongDiffId(actual: Digest, wanted: Digest): Error {
  return invalid(`wrong diff id calculated on extraction: ${actual} instead of ${wanted}`);
}
