import { isDigest } from "../../formats/digest.ts";
import type { Logger } from "../../logger.ts";
import { type Counts, createCounts, type ImageIndex } from "../image-index.ts";
import type { ImageJobs } from "../jobs.ts";
import { createSlimming } from "../slimming.ts";
import type { BlobStore } from "./blobs.ts";
import type { Holds } from "./holds.ts";
import type { ImageRecord } from "./kinds.ts";
import type { Layers } from "./layers.ts";

/** What of the store images, owners and work under way need now; the rest is removed. */
export interface Needs {
  needsBlob(digest: string): boolean;
  needsLayer(chainId: string): boolean;
  /**
   * Removes those of these blobs and layers that nothing needs now; returns the chainIDs removed, topmost first. All are
   * unlinked before the first await, so later users recreate what they need.
   */
  collect(digests: Iterable<string>, chains: readonly string[]): Promise<string[]>;
  /** As a catalog's. */
  isProtected(image: ImageRecord): boolean;
  /** As a catalog's. */
  protect<T>(digests: readonly string[], work: () => Promise<T>): Promise<T>;
  /** As a catalog's. */
  sweep(): Promise<void>;
}

interface NeedsOptions {
  index: ImageIndex;
  holds: Holds;
  blobs: BlobStore;
  layers: Layers;
  jobs: ImageJobs;
  logger: Logger;
}

export function createNeeds({ index, holds, ...store }: NeedsOptions): Needs {
  const { blobs, layers } = store;
  const protectedNow = createCounts();
  const slimming = createSlimming({ ...store, protect });

  function needsBlob(digest: string): boolean {
    return index.blobs.of(digest) + holds.blobs.of(digest) + protectedNow.of(digest) > 0;
  }

  function needsLayer(chainId: string): boolean {
    return index.layers.of(chainId) + holds.layers.of(chainId) + readers(protectedNow, layers, chainId) > 0;
  }

  async function collect(digests: Iterable<string>, chains: readonly string[]): Promise<string[]> {
    const goneLayers = chains.filter((chainId) => !needsLayer(chainId) && layers.find(chainId));
    const goneBlobs = [...digests].filter(isDigest).filter((digest) => !needsBlob(digest));
    await Promise.all([removeLayers(goneLayers), ...goneBlobs.map((digest) => blobs.remove(digest))]);
    return goneLayers.reverse();
  }

  /** On a full disk some can be forgotten only once others have made room. @throws when that does not help */
  async function removeLayers(chains: readonly string[]): Promise<void> {
    for (let left = chains; left.length > 0; ) {
      const { stuck, error } = await layers.remove(left);
      if (stuck.length === left.length) throw error;
      left = stuck.filter((chainId) => !needsLayer(chainId));
    }
  }

  async function protect<T>(digests: readonly string[], work: () => Promise<T>): Promise<T> {
    for (const digest of digests) protectedNow.add(digest, 1);
    try {
      return await work();
    } finally {
      for (const digest of digests) protectedNow.add(digest, -1);
      await collect(digests, [...digests, ...layersMadeOf(digests, layers)]);
      await slimAll(digests);
    }
  }

  async function slimAll(digests: Iterable<string>): Promise<void> {
    const idle = [...digests].filter(isDigest).filter((digest) => protectedNow.of(digest) === 0);
    await Promise.all(idle.filter((digest) => index.blobs.of(digest) > 0).map(slimming.slim));
  }

  async function sweep(): Promise<void> {
    blobs.sweep(needsBlob);
    const chains = [...layers.all()].map(({ chainId }) => chainId);
    await collect([], chains);
    await slimAll(index.blobs.keys());
  }

  function isProtected({ id, manifests }: ImageRecord): boolean {
    const configs = manifests.flatMap(({ content }) => content?.configDigest ?? []);
    return [id, ...configs].some((digest) => protectedNow.of(digest) > 0);
  }

  return { needsBlob, needsLayer, collect, protect, isProtected, sweep };
}

/** A blob may be read from any layer that was made of it, also from one of another image. */
function readers(protectedNow: Counts, layers: Layers, chainId: string): number {
  return protectedNow.of(chainId) + protectedNow.of(layers.find(chainId)?.diffId ?? "");
}

function layersMadeOf(digests: readonly string[], layers: Layers): string[] {
  return digests.flatMap((digest) => layers.withDiffId(digest).map(({ chainId }) => chainId));
}
