import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { ImageRoom } from "./room.ts";
import { mainManifest, type PresentManifest } from "./select-manifest.ts";
import type { ImageRecord } from "./store/catalog.ts";

/** Who lives on which images' layers. */
export interface ImageHolds {
  /** Absolute paths of the unpacked layers, topmost first, as overlay's `lowerdir=` wants them; at least one. */
  lowerDirectories(image: ImageRecord, manifest?: PresentManifest): string[];
  /** The same of these layers, chainIDs with the base first; none for none. @throws invalid for one that is missing */
  layerDirectories(chains: readonly string[]): string[];
  /** The same for what `owner` holds, even after `rmi -f`. */
  heldDirectories(owner: string): string[];
  /** Keeps the layers of one of an image's manifests until `release`, across restarts and removal of the image. @throws notFound */
  hold(id: string, owner: string, manifest?: PresentManifest): void;
  /** @param id the image that the owner was made from: it counts as used until now */
  release(owner: string, id?: string): Promise<void>;
  /** All owners that layers are kept for. */
  owners(): string[];
}

export function createImageHolds(room: ImageRoom): ImageHolds {
  const { catalog, lastUse, root } = room;
  mkdirSync(emptyDirectory(root), { recursive: true, mode: 0o755 });
  return {
    lowerDirectories: (image, manifest = mainManifest(image)) => directoriesOf(room, manifest.content.layers),
    layerDirectories: (chains) => chains.map((chain) => room.layers.directory(chain)).reverse(),
    heldDirectories: (owner) => directoriesOf(room, catalog.held(owner)),
    hold(id, owner, manifest = mainManifest(catalog.get(id))) {
      catalog.get(id);
      catalog.keep(id);
      catalog.holdLayers(owner, { layers: manifest.content.layers, blobs: [] });
      lastUse.touch(id);
    },
    async release(owner, id) {
      if (id && catalog.images.has(id)) lastUse.touch(id);
      await catalog.release(owner);
    },
    owners: () => catalog.owners(),
  };
}

/** @param chains base first. @returns topmost first, and an empty one for none */
export function directoriesOf({ layers, root }: ImageRoom, chains: readonly string[]): string[] {
  const directories = chains.map((chainId) => layers.directory(chainId)).reverse();
  return directories.length > 0 ? directories : [emptyDirectory(root)];
}

/** It has the number that stands for no layer. */
const emptyDirectory = (root: string) => join(root, "layers", "0");
