import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { invalid } from "../../errors.ts";
import { chainIds, type Digest } from "../../formats/digest.ts";
import type { State } from "../../state/state.ts";
import { removeTree } from "../../trees/trees.ts";
import { findBlob } from "../blob-source.ts";
import type { ImageJobs } from "../jobs.ts";
import type { StagedTree } from "../stage-tree.ts";
import type { BlobStore } from "./blobs.ts";
import type { LayerRecord } from "./kinds.ts";
import { type LayerFolders, layerFolderOf, openLayerFolders } from "./layer-folders.ts";
import { makeLayer, type ReceiveLayer, type UnpackInto } from "./make-layer.ts";
import { type StagedLayer, stageLayer } from "./stage-layer.ts";

export interface PackedLayer {
  diffId: Digest;
  blobDigest: Digest;
}

export interface Layers {
  find(chainId: string): LayerRecord | undefined;
  directory(chainId: string): string;
  /** The folder of one that was made of an archive. */
  directoryWith(diffId: Digest): string | undefined;
  /**
   * Makes the layers of an image available, base first; what is there already stays, and two calls at a time share the
   * work. Of a plain archive the frame is kept as well. `onUnpacked` is called for each that was not there. The layers stay until the next `sweep` of what no image has.
   * @throws invalid when a blob's content is not what its diffID says
   */
  unpack(layers: readonly PackedLayer[], onUnpacked?: (layer: PackedLayer) => void): Promise<LayerRecord[]>;
  /**
   * Makes one layer by `unpack`, which gets the path of the folder to make; not asked when the layer is there or another call makes
   * it. From an archive that is the blob itself it may make a frame too, in the new file of which it gets the path: that is kept.
   * @throws what `unpack` throws; invalid when what it unpacked is not the diffID's
   */
  receive(chainId: Digest, diffId: Digest, unpack: UnpackInto): Promise<LayerRecord>;
  /** The same for what comes from afar, and may take long: no other call waits for it, nor it for another. */
  receiveApart(chainId: Digest, diffId: Digest, unpack: UnpackInto): Promise<LayerRecord>;
  /** Makes a layer whose name is only known afterwards. @throws what `make` throws */
  stage(make: (target: string, framePath: string) => Promise<StagedTree>): Promise<StagedLayer>;
  /**
   * Removes these layers' records, all at once, and then their folders. The number of a folder that cannot be removed stays taken.
   * @returns those that stay, since the disk is full
   * @throws the first failure with a folder, in the end
   */
  remove(chains: Iterable<string>): Promise<{ stuck: string[]; error?: unknown }>;
  all(): Iterable<LayerRecord>;
  /** Those that were made of an archive: one for each that it lies on. */
  withDiffId(diffId: string): LayerRecord[];
  /** Whether the layer has a record and a folder. */
  isThere(chainId: string): boolean;
  /** Folders that no record and no work under way accounts for. */
  strayFolders(): Promise<string[]>;
  /** @param name one of `strayFolders` */
  removeStray(name: string): Promise<void>;
}

/** Opens the store: folders without a record, left by a crash, go, and so do records without a folder. */
export async function openLayers(
  root: string,
  state: State,
  { blobs, jobs }: { blobs: BlobStore; jobs: ImageJobs },
): Promise<Layers> {
  const place = await openLayerFolders(root, state, blobs);
  const { layers, numbers } = place;
  const directoryOf = (number: number) => layerFolderOf(place, number);

  const receiveApart: ReceiveLayer = async (chainId, diffId, unpack) =>
    layers.get(chainId) ?? makeLayer(place, { chainId, diffId }, unpack);

  /** Two calls at a time share the work. */
  const receive: ReceiveLayer = async (chainId, diffId, unpack) => {
    for (;;) {
      const running = place.underWay.get(chainId);
      if (!running) break;
      // That work on another archive has failed says nothing of this one.
      const layer = await running.catch(() => undefined);
      if (layer) return layer;
    }
    const started = receiveApart(chainId, diffId, unpack).finally(() => place.underWay.delete(chainId));
    place.underWay.set(chainId, started);
    return started;
  };

  function directoryWith(diffId: Digest): string | undefined {
    const [layer] = layers.withDiffId(diffId);
    return layer && directoryOf(layer.number);
  }

  async function unpackOne(chainId: Digest, { diffId, blobDigest }: PackedLayer): Promise<LayerRecord> {
    return receive(chainId, diffId, (target, framePath) => {
      const source = findBlob({ blobs, layers: { directoryWith } }, blobDigest);
      return jobs.unpack(source, blobDigest, target, blobDigest === diffId ? framePath : undefined);
    });
  }

  return {
    find: (chainId) => layers.get(chainId),
    directory(chainId) {
      const layer = layers.get(chainId);
      if (!layer) throw invalid(`layer ${chainId} is missing`);
      return directoryOf(layer.number);
    },
    async unpack(wanted, onUnpacked) {
      const chains = chainIds(wanted.map(({ diffId }) => diffId));
      const outcomes = await Promise.allSettled(
        wanted.map(async (packed, index) => {
          const chainId = chains[index] as Digest;
          const isThere = layers.has(chainId);
          const layer = await unpackOne(chainId, packed);
          if (!isThere) onUnpacked?.(packed);
          return layer;
        }),
      );
      return outcomes.map((outcome) => {
        if (outcome.status === "rejected") throw outcome.reason;
        return outcome.value;
      });
    },
    directoryWith,
    receive,
    receiveApart,
    stage: (make) => stageLayer(place, receive, make),
    remove: (chains) => removeLayers(place, chains),
    all: layers.all,
    withDiffId: layers.withDiffId,
    isThere(chainId) {
      const layer = layers.get(chainId);
      return layer !== undefined && existsSync(directoryOf(layer.number));
    },
    strayFolders: async () =>
      (await readdir(place.folder)).filter(
        (name) => !place.staging.isInUse(name) && !numbers.isUsed(Number(name)),
      ),
    removeStray: (name) => removeTree(join(place.folder, name)),
  };
}

async function removeLayers(place: LayerFolders, chains: Iterable<string>): ReturnType<Layers["remove"]> {
  const gone: LayerRecord[] = [];
  const stuck: string[] = [];
  let error: unknown;
  for (const chainId of chains) {
    const layer = place.layers.get(chainId);
    if (!layer) continue;
    try {
      place.records.delete(chainId);
    } catch (reason) {
      error ??= reason;
      stuck.push(chainId);
      continue;
    }
    place.layers.delete(layer);
    gone.push(layer);
  }
  let failure: { error: unknown } | undefined;
  for (const { number } of gone) {
    try {
      await removeTree(layerFolderOf(place, number));
      place.numbers.giveBack(number);
    } catch (error) {
      failure ??= { error };
    }
  }
  if (failure) throw failure.error;
  return { stuck, error };
}
