import { createReadStream, openSync } from "node:fs";
import { rm } from "node:fs/promises";
import { conflict, invalid } from "../errors.ts";
import { chainIdOf, type Digest } from "../formats/digest.ts";
import { type Descriptor, mediaTypes } from "../formats/oci-manifest.ts";
import { compressionOf, decompress } from "../trees/decompress.ts";
import { findBlob } from "./blob-source.ts";
import type { BlobPlace } from "./pull/sources.ts";
import type { LayerCompression } from "./push/compress-layer.ts";
import { openBlobFile } from "./push/publish-content.ts";
import type { BlobFile } from "./push/publish-layers.ts";
import type { ImageRoom } from "./room.ts";
import { presentManifests } from "./select-manifest.ts";
import type { StagedLayer } from "./store/stage-layer.ts";

/** A layer as a blob, to be given to others. */
export interface PackedLayerBlob {
  diffId: Digest;
  descriptor: Descriptor;
  open(): Promise<BlobFile>;
}

/** A layer that is elsewhere, and what it stands on here. */
export interface ElsewhereLayer {
  /** chainIDs, base first. */
  below: readonly string[];
  diffId: Digest;
  blob: Descriptor;
}

/** Layers one by one, for a builder's caches. */
export interface LayerBlobs {
  /** @throws invalid for a layer that is not here */
  diffIdOf(chainId: string): Digest;
  /**
   * Packs layers, all that are not compressed yet in the same way, for as long as `work` runs.
   * @param compression undefined: they stay plain
   * @throws invalid for a layer that is not here; conflict for one without its archive
   */
  withPacked<R>(
    chains: readonly string[],
    compression: LayerCompression | undefined,
    signal: AbortSignal,
    work: (packed: ReadonlyMap<string, PackedLayerBlob>) => Promise<R>,
  ): Promise<R>;
  /**
   * Makes layers like others in which nothing was changed later than that, as the topmost ones of a snapshot with this name.
   * @param order `own`: how many of the layers are to be so; `latestSeconds` since the epoch
   * @returns chainIDs, base first @throws the signal's reason
   */
  rewriteTimes(
    name: string,
    chains: readonly string[],
    order: { own: number; latestSeconds: number },
    signal: AbortSignal,
  ): Promise<string[]>;
  /** Puts a layer that is here on top of others, as the topmost one of a snapshot with this name. @throws notFound when it is gone */
  place(name: string, below: readonly string[], diffId: Digest): Promise<string[]>;
  /**
   * Brings a layer here from the first of the places that has it, as the topmost one of a snapshot with this name.
   * @throws invalid for a blob or an archive with another digest; what the last place threw
   */
  receive(
    name: string,
    layer: ElsewhereLayer,
    places: readonly BlobPlace[],
    signal: AbortSignal,
  ): Promise<{ layers: string[]; sizeBytes: number }>;
}

/** What compressing has come to, so that what another place has already need not be compressed again. */
type Known = Map<string, Descriptor>;
const mostKnown = 10_000;

export function createLayerBlobs(room: ImageRoom): LayerBlobs {
  const known: Known = new Map();
  const diffIdOf = (chainId: string) => {
    const layer = room.layers.find(chainId);
    if (!layer) throw invalid(`layer ${chainId} is missing`);
    return layer.diffId;
  };
  return {
    diffIdOf,
    withPacked(chains, compression, signal, work) {
      const wanted = [...new Set(chains)].map((chainId) => ({ chainId, blob: findPacking(room, chainId) }));
      const needed = wanted.flatMap(({ chainId, blob }) => [chainId, blob.digest]);
      return room.catalog.protect(needed, async () => {
        const made: string[] = [];
        try {
          const packing = await Promise.allSettled(
            wanted.map(async ({ chainId, blob }) => {
              const order = { diffId: diffIdOf(chainId), blob, compression };
              return [chainId, await pack(room, known, made, order, signal)] as const;
            }),
          );
          const packed = packing.map((one) => {
            if (one.status === "rejected") throw one.reason;
            return one.value;
          });
          return await work(new Map(packed));
        } finally {
          for (const path of made) await rm(path, { force: true });
        }
      });
    },
    rewriteTimes: (name, chains, order, signal) => rewriteTimes(room, name, chains, order, signal),
    place: (name, below, diffId) => place(room, name, below, diffId),
    receive: (name, layer, places, signal) => receive(room, name, layer, places, signal),
  };
}

/** The blob that an image has of it, or its plain archive. */
function findPacking({ catalog, layers, blobs }: ImageRoom, chainId: string): Descriptor {
  const layer = layers.find(chainId);
  if (!layer) throw invalid(`layer ${chainId} is missing`);
  for (const image of catalog.images.values()) {
    for (const { content } of presentManifests(image)) {
      const blob = content.blobs[content.layers.indexOf(chainId)];
      if (blob && blobs.has(blob.digest)) return blob;
    }
  }
  if (!blobs.has(layer.diffId)) throw conflict(`the archive of layer ${chainId} is not here any more`);
  return { mediaType: mediaTypes.layer, digest: layer.diffId, size: 0 };
}

interface PackOrder {
  diffId: Digest;
  blob: Descriptor;
  compression: LayerCompression | undefined;
}

/** @param made takes the paths of files that are to be removed in the end */
async function pack(
  room: ImageRoom,
  known: Known,
  made: string[],
  { diffId, blob, compression }: PackOrder,
  signal: AbortSignal,
): Promise<PackedLayerBlob> {
  const { blobs, layers, jobs } = room;
  const { digest } = blob;
  const present = blobs.isWhole(digest) ? await compressionOf(blobs.path(digest)) : "none";
  if (present !== "none" || !compression) {
    const mediaType =
      present === "gzip"
        ? mediaTypes.gzipLayer
        : present === "zstd"
          ? mediaTypes.zstdLayer
          : mediaTypes.layer;
    const descriptor = { mediaType, digest, size: await blobs.getSizeBytes(digest) };
    return { diffId, descriptor, open: () => openBlobFile(room, digest) };
  }
  const key = `${digest} ${compression.type} ${compression.level ?? ""}`;
  const compress = async (): Promise<Descriptor & { path: string }> => {
    const path = blobs.temporaryPath();
    made.push(path);
    const spooled = await jobs.compress(findBlob({ blobs, layers }, digest), path, signal, compression);
    const mediaType = compression.type === "gzip" ? mediaTypes.gzipLayer : mediaTypes.zstdLayer;
    return { mediaType, digest: spooled.digest, size: spooled.sizeBytes, path };
  };
  const before = known.get(key);
  if (before)
    return {
      diffId,
      descriptor: before,
      open: async () => ({ ...(await compress()), close: async () => {} }),
    };
  const { path, ...descriptor } = await compress();
  if (known.size >= mostKnown) known.clear();
  known.set(key, descriptor);
  return { diffId, descriptor, open: async () => ({ path, close: async () => {} }) };
}

async function receive(
  room: ImageRoom,
  name: string,
  { below, diffId, blob }: ElsewhereLayer,
  places: readonly BlobPlace[],
  signal: AbortSignal,
): Promise<{ layers: string[]; sizeBytes: number }> {
  const { catalog, receptions, blobs, layers, partials, snapshots } = room;
  const chainId = chainIdOf(below.at(-1) as Digest | undefined, diffId);
  const chains = [...below, chainId];
  try {
    return await catalog.protect([blob.digest, diffId, chainId], async () => {
      if (!layers.isThere(chainId) || !blobs.has(diffId)) {
        await receptions.receive({ blob, diffId, chainId, needsFrame: true }, places, signal, () => {});
        // The layer was here without its archive, or there is no frame of that.
        if (!blobs.has(diffId)) await keepPlain(room, blob, diffId);
      }
      snapshots.adopt(name, chains);
      return { layers: chains, sizeBytes: layers.find(chainId)?.sizeBytes ?? 0 };
    });
  } finally {
    // What came is of no more use, unless a pull is about to keep it.
    if (!catalog.needsBlob(blob.digest) && !receptions.isUnderWay(blob.digest))
      partials.discardAll(blob.digest);
  }
}

async function rewriteTimes(
  { catalog, layers, jobs, snapshots }: ImageRoom,
  name: string,
  chains: readonly string[],
  { own, latestSeconds }: { own: number; latestSeconds: number },
  signal: AbortSignal,
): Promise<string[]> {
  const below = chains.slice(0, chains.length - own);
  const made: StagedLayer[] = [];
  try {
    for (const chainId of chains.slice(below.length))
      made.push(
        await layers.stage((target, framePath) =>
          jobs.stage(
            {
              ...{ upperDirectory: layers.directory(chainId), target, framePath },
              ...{ isMoved: false, latestSeconds },
            },
            signal,
          ),
        ),
      );
    const rewritten = [...below];
    for (const { diffId } of made) rewritten.push(chainIdOf(rewritten.at(-1) as Digest | undefined, diffId));
    const needed = [...rewritten, ...made.map(({ diffId }) => diffId)];
    return await catalog.protect(needed, async () => {
      for (const [at, layer] of made.entries()) await layer.keep(rewritten[below.length + at] as Digest);
      snapshots.adopt(name, rewritten, own);
      return rewritten;
    });
  } finally {
    await Promise.all(made.map((layer) => layer.discard()));
  }
}

/** Its files are copied, unless it has been there before. */
async function place(
  { catalog, layers, blobs, jobs, snapshots }: ImageRoom,
  name: string,
  below: readonly string[],
  diffId: Digest,
): Promise<string[]> {
  const chainId = chainIdOf(below.at(-1) as Digest | undefined, diffId);
  const chains = [...below, chainId];
  return catalog.protect([chainId, diffId], async () => {
    await layers.receive(chainId, diffId, (target) =>
      jobs.unpack(findBlob({ blobs, layers }, diffId), diffId, target),
    );
    snapshots.adopt(name, chains);
    return chains;
  });
}

/** As much as a pull lets a blob come to. */
const bombRatio = 200;

async function keepPlain(
  { blobs, partials, registries }: ImageRoom,
  blob: Descriptor,
  diffId: Digest,
): Promise<void> {
  const limitBytes = registries.settings.bombBytes + bombRatio * blob.size;
  const path = blobs.isWhole(blob.digest) ? blobs.path(blob.digest) : partials.verifiedPath(blob.digest);
  // At once: a pull may be about to move it.
  const { output } = await decompress(createReadStream("", { fd: openSync(path, "r") }));
  async function* bounded() {
    let bytes = 0;
    for await (const chunk of output as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > limitBytes)
        throw invalid(`failed to register layer: uncompressed size exceeds the limit of ${limitBytes} bytes`);
      yield chunk;
    }
  }
  await blobs.keep(await blobs.spool(bounded(), diffId));
}
