import type { Digest } from "../../formats/digest.ts";
import type { Descriptor } from "../../formats/oci-manifest.ts";
import { createGrowth } from "../../sys/growing-file.ts";
import { createSharedWork } from "../../sys/shared-work.ts";
import { findBlob } from "../blob-source.ts";
import type { BlobStore } from "../store/blobs.ts";
import type { Layers } from "../store/layers.ts";
import type { Unpacked } from "../unpack.ts";
import { type ArrivalsOptions, createArrivals } from "./arrivals.ts";
import type { ReceptionState } from "./attempt-arrival.ts";
import type { BlobPlace } from "./sources.ts";

/** A layer to have here. */
export interface WantedLayer {
  blob: Descriptor;
  diffId: Digest;
  chainId: Digest;
  /** The frame of the archive in it is wanted too, where one can be made. */
  needsFrame?: boolean;
}

/** Layers on their way here, each once however many want it. */
export interface Receptions {
  /** Whether a blob is on its way here now. */
  isUnderWay(digest: Digest): boolean;
  /** Whether layer and blob are here, or the layer and its frame where that is enough. */
  isThere(wanted: WantedLayer): boolean;
  /**
   * Brings a layer here: its blob, verified, among the partials or in the store, and its folder.
   * @param sources where it may be had, the best first
   */
  receive(
    wanted: WantedLayer,
    sources: readonly BlobPlace[],
    signal: AbortSignal,
    onState: (state: ReceptionState) => void,
  ): Promise<void>;
}

interface ReceptionsOptions extends ArrivalsOptions {
  /** See `RegistrySettings`. */
  keepsCompressed: () => boolean;
  blobs: BlobStore;
  layers: Layers;
}

export function createReceptions(options: ReceptionsOptions): Receptions {
  const { blobs, layers, jobs } = options;
  const shared = createSharedWork<ReceptionState, void>();
  const arrivals = createArrivals(options);
  /** The end of the last work on a file: two layers of one image may be the same blob. */
  const files = new Map<Digest, Promise<unknown>>();

  async function bring(
    wanted: WantedLayer,
    sources: readonly BlobPlace[],
    state: ReceptionState,
    signal: AbortSignal,
  ) {
    const { blob, diffId, chainId } = wanted;
    if (blobs.has(blob.digest)) {
      state.phase = "extracting";
      await layers.receive(chainId, diffId, (target, path) =>
        jobs.unpack(
          findBlob({ blobs, layers }, blob.digest),
          blob.digest,
          target,
          wanted.needsFrame ? path : undefined,
        ),
      );
      return;
    }
    let hasArrived = false;
    await layers.receiveApart(chainId, diffId, async (target, path) => {
      hasArrived = true;
      const isFramed = wanted.needsFrame || blob.digest === diffId || !options.keepsCompressed();
      const framePath = isFramed ? path : undefined;
      return (await arrivals.bring({ blob, target, framePath, state }, sources, signal)) as Unpacked;
    });
    // The layer was here; the image needs its own blob all the same.
    if (!hasArrived) await arrivals.bring({ blob, target: undefined, state }, sources, signal);
  }

  return {
    isUnderWay: (digest) => files.has(digest),
    isThere: ({ chainId, blob, diffId }) =>
      layers.find(chainId) !== undefined &&
      (blobs.has(blob.digest) || (!options.keepsCompressed() && blobs.hasFrame(diffId))),
    async receive(wanted, sources, signal, onState) {
      const { digest, size } = wanted.blob;
      let isOwn = false;
      const begin = (own: AbortSignal) => {
        isOwn = true;
        const state: ReceptionState = { phase: "waiting", growth: createGrowth() };
        const before = files.get(digest) ?? Promise.resolve();
        const done = unlessAborted(before, own).then(() => bring(wanted, sources, state, own));
        const ended = Promise.all([before, done.catch(() => {})]);
        files.set(digest, ended);
        void ended.then(() => files.get(digest) === ended && files.delete(digest));
        return { state, done };
      };
      const join = () => shared.join(`${digest} ${size} ${wanted.chainId}`, signal, begin, onState);
      try {
        await join();
      } catch (error) {
        // It has failed at the places of the pull that began it, which may be others.
        if (isOwn || signal.aborted) throw error;
        await join();
      }
    },
  };
}

function unlessAborted(work: Promise<unknown>, signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
    void work.then(resolve);
  });
}
