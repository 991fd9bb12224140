import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { invalid } from "../errors.ts";
import { chainIds, type Digest } from "../formats/digest.ts";
import type { State } from "../state/state.ts";
import type { ImageJobs } from "./jobs.ts";
import { createStaging } from "./staging.ts";
import type { Unpacked } from "./unpack.ts";

/** One unpacked layer, shared by all images that have it on top of the same layers. */
interface LayerRecord {
  chainId: Digest;
  diffId: Digest;
  /** Names the folder `<root>/layers/<number>`: short, since a mount option names them all. */
  number: number;
  /** Bytes of file content. */
  sizeBytes: number;
}

export interface PackedLayer {
  diffId: Digest;
  blobPath: string;
  blobDigest: Digest;
}

export interface Layers {
  find(chainId: string): LayerRecord | undefined;
  directory(chainId: string): string;
  /**
   * Makes the layers of an image available, base first; what is there already stays, and two calls at a time share the
   * work. `onUnpacked` is told of each that was not there. The layers stay until the next `sweep` of what no image has.
   * @throws invalid when a blob's content is not what its diffID says
   */
  unpack(layers: readonly PackedLayer[], onUnpacked?: (layer: PackedLayer) => void): Promise<LayerRecord[]>;
  /**
   * Makes one layer by `unpack`, which gets the path of the folder to make; not asked when the layer is there or is being made.
   * @throws what `unpack` throws; invalid when what it unpacked is not the diffID's
   */
  receive(
    chainId: Digest,
    diffId: Digest,
    unpack: (target: string) => Promise<Unpacked>,
  ): Promise<LayerRecord>;
  /** Removes these layers' folders and records. */
  remove(chains: Iterable<string>): Promise<void>;
  all(): Iterable<LayerRecord>;
  /** Whether the layer has a record and a folder. */
  isThere(chainId: string): boolean;
  /** Folders that no record and no work under way accounts for. */
  strayFolders(): Promise<string[]>;
  /** @param name one of `strayFolders` */
  removeStray(name: string): Promise<void>;
}

/** Opens the store: folders without a record, left by a crash, go, and so do records without a folder. */
export async function openLayers(root: string, state: State, jobs: ImageJobs): Promise<Layers> {
  const folder = join(root, "layers");
  mkdirSync(folder, { recursive: true, mode: 0o710 });
  const records = state.records<LayerRecord>("layers");
  const layers = records.load();
  const unpacking = new Map<Digest, Promise<LayerRecord>>();
  const folders = new Set(readdirSync(folder));
  for (const { chainId, number } of layers.values()) {
    if (folders.has(String(number))) continue;
    layers.delete(chainId);
    records.delete(chainId);
  }
  // 0 stands for no layer at all.
  const used = new Set([0, ...[...layers.values()].map(({ number }) => number)]);
  const leftovers = [...folders].filter((name) => !used.has(Number(name)));
  await Promise.all(leftovers.map((name) => jobs.remove(join(folder, name))));

  const staging = createStaging(folder);
  const directoryOf = (number: number) => join(folder, String(number));

  function freeNumber(): number {
    let number = 1;
    while (used.has(number)) number++;
    used.add(number);
    return number;
  }

  async function unpackOne(chainId: Digest, diffId: Digest, unpack: (target: string) => Promise<Unpacked>) {
    const stage = await staging.enter();
    const number = freeNumber();
    const temporary = join(stage.path, String(number));
    try {
      const unpacked = await unpack(temporary);
      if (unpacked.diffId !== diffId) {
        throw invalid(`wrong diff id calculated on extraction: ${unpacked.diffId} instead of ${diffId}`);
      }
      await rename(temporary, directoryOf(number));
      const layer = { chainId, diffId, number, sizeBytes: unpacked.sizeBytes };
      records.put(chainId, layer);
      layers.set(chainId, layer);
      return layer;
    } catch (error) {
      // If even that fails, the next start does it.
      await jobs.remove(temporary).catch(() => {});
      used.delete(number);
      throw error;
    } finally {
      await stage.leave();
    }
  }

  function receive(chainId: Digest, diffId: Digest, unpack: (target: string) => Promise<Unpacked>) {
    const there = layers.get(chainId);
    if (there) return Promise.resolve(there);
    const running = unpacking.get(chainId);
    if (running) return running;
    const started = unpackOne(chainId, diffId, unpack).finally(() => unpacking.delete(chainId));
    unpacking.set(chainId, started);
    return started;
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
          const layer = await receive(chainId, packed.diffId, (target) =>
            jobs.unpack(packed.blobPath, packed.blobDigest, target),
          );
          if (!isThere) onUnpacked?.(packed);
          return layer;
        }),
      );
      return outcomes.map((outcome) => {
        if (outcome.status === "rejected") throw outcome.reason;
        return outcome.value;
      });
    },
    receive,
    async remove(chains) {
      const gone: LayerRecord[] = [];
      for (const chainId of chains) {
        const layer = layers.get(chainId);
        if (layer) gone.push(layer);
      }
      for (const layer of gone) {
        records.delete(layer.chainId);
        layers.delete(layer.chainId);
      }
      for (const { number } of gone) {
        await jobs.remove(directoryOf(number));
        used.delete(number);
      }
    },
    all: () => layers.values(),
    isThere(chainId) {
      const layer = layers.get(chainId);
      return layer !== undefined && existsSync(directoryOf(layer.number));
    },
    strayFolders: async () =>
      (await readdir(folder)).filter((name) => !staging.isInUse(name) && !used.has(Number(name))),
    removeStray: (name) => jobs.remove(join(folder, name)),
  };
}
