import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import type { Repository } from "../distribution/repository.ts";
import { messageOf } from "../errors.ts";
import type { Digest } from "../formats/digest.ts";
import type { Descriptor } from "../formats/oci-manifest.ts";
import { createGrowth, endGrowth } from "../sys/growing-file.ts";
import type { Blobs } from "./blobs.ts";
import type { ImageJobs } from "./jobs.ts";
import type { Layers } from "./layers.ts";
import type { Partials } from "./partials.ts";
import { createSharedWork } from "./shared-work.ts";
import { createSlots } from "./slots.ts";
import type { Unpacked } from "./unpack.ts";

/** A layer to have here. */
export interface WantedLayer {
  blob: Descriptor;
  diffId: Digest;
  chainId: Digest;
}

/** How far a layer is, for whoever shows it. */
export interface ReceptionState {
  phase: "waiting" | "downloading" | "extracting";
  growth: SharedArrayBuffer;
}

/** Layers on their way here, each once however many want it. */
export interface Receptions {
  /** Whether a blob is on its way here now. */
  isUnderWay(digest: Digest): boolean;
  /** Whether layer and blob are here. */
  isThere(wanted: WantedLayer): boolean;
  /**
   * Brings a layer here: its blob, verified, among the partials or in the store, and its folder.
   * @param sources where it may be had, the best first
   */
  receive(
    wanted: WantedLayer,
    sources: readonly Source[],
    signal: AbortSignal,
    onState: (state: ReceptionState) => void,
  ): Promise<void>;
}

/** A repository, opened when it is needed. */
export type Source = (signal: AbortSignal) => Promise<Repository>;

const bombRatio = 200;

export interface ReceptionsOptions {
  blobs: Blobs;
  layers: Layers;
  partials: Partials;
  jobs: ImageJobs;
  /** How many may download at a time. */
  downloads: () => number;
  /** See `RegistrySettings`. */
  bombBytes: () => number;
  /** How many may unpack at a time while the rest of them is still coming. */
  unpackers: number;
}

export function createReceptions(options: ReceptionsOptions): Receptions {
  const { blobs, layers, partials, jobs } = options;
  const shared = createSharedWork<ReceptionState, void>();
  const downloadSlots = createSlots(options.downloads);
  const unpackSlots = createSlots(() => options.unpackers);
  /** The end of the last work on a file: two layers of one image may be the same blob. */
  const files = new Map<Digest, Promise<unknown>>();

  async function download(
    blob: Descriptor,
    sources: readonly Source[],
    state: ReceptionState,
    signal: AbortSignal,
  ) {
    const release = await downloadSlots.take(signal);
    try {
      state.phase = "downloading";
      let last: unknown;
      for (const source of sources) {
        try {
          const file = { path: partials.path(blob.digest), growth: state.growth };
          await (await source(signal)).download(blob, file, signal);
          state.phase = "extracting";
          return;
        } catch (error) {
          last = error;
          if (signal.aborted || /no space left on device/.test(messageOf(error))) break;
        }
      }
      throw last;
    } finally {
      release();
    }
  }

  /** Downloads and unpacks side by side; when one fails the other is stopped. */
  async function arrive(
    { blob }: WantedLayer,
    target: string | undefined,
    sources: readonly Source[],
    state: ReceptionState,
    outer: AbortSignal,
  ): Promise<Unpacked | undefined> {
    const stop = new AbortController();
    const signal = AbortSignal.any([outer, stop.signal]);
    signal.addEventListener("abort", () => endGrowth(state.growth));
    const path = partials.begin(blob.digest);
    let cause: { error: unknown } | undefined;
    const failing = async <T>(work: Promise<T>): Promise<T> => {
      try {
        return await work;
      } catch (error) {
        cause ??= { error };
        stop.abort();
        throw error;
      }
    };
    const unpacking = async () => {
      const release = await unpackSlots.take(signal);
      try {
        const limitBytes = options.bombBytes() + bombRatio * blob.size;
        const arrival = { path, digest: blob.digest, sizeBytes: blob.size, growth: state.growth, limitBytes };
        return await jobs.receive({ ...arrival, ...(target && { target }) }, signal);
      } finally {
        release();
      }
    };
    const [received] = await Promise.allSettled([
      failing(unpacking()),
      failing(download(blob, sources, state, signal)),
    ]);
    if (cause) {
      // Of no use half there, and it would keep the disk full.
      if (/no space left on device/.test(messageOf(cause.error))) await rm(path, { force: true });
      throw cause.error;
    }
    if (received.status === "rejected") throw received.reason;
    return received.value;
  }

  async function bring(
    wanted: WantedLayer,
    sources: readonly Source[],
    state: ReceptionState,
    signal: AbortSignal,
  ) {
    const { blob, diffId, chainId } = wanted;
    if (existsSync(blobs.path(blob.digest))) {
      state.phase = "extracting";
      await layers.receive(chainId, diffId, (target) =>
        jobs.unpack(blobs.path(blob.digest), blob.digest, target),
      );
      return;
    }
    for (;;) {
      let hasArrived = false;
      try {
        await layers.receive(chainId, diffId, async (target) => {
          hasArrived = true;
          return (await arrive(wanted, target, sources, state, signal)) as Unpacked;
        });
      } catch (error) {
        if (hasArrived || signal.aborted) throw error;
        // The same layer by another blob, which failed: that says nothing of this one.
        continue;
      }
      // The layer was here, or came by another blob; the image needs its own all the same.
      if (!hasArrived) await arrive(wanted, undefined, sources, state, signal);
      return;
    }
  }

  return {
    isUnderWay: (digest) => files.has(digest),
    isThere: ({ chainId, blob }) => layers.find(chainId) !== undefined && existsSync(blobs.path(blob.digest)),
    receive(wanted, sources, signal, onState) {
      const { digest } = wanted.blob;
      const begin = (own: AbortSignal) => {
        const state: ReceptionState = { phase: "waiting", growth: createGrowth() };
        const before = files.get(digest) ?? Promise.resolve();
        const done = unlessAborted(before, own).then(() => bring(wanted, sources, state, own));
        const ended = Promise.all([before, done.catch(() => {})]);
        files.set(digest, ended);
        void ended.then(() => files.get(digest) === ended && files.delete(digest));
        return { state, done };
      };
      return shared.join(`${digest} ${wanted.chainId}`, signal, begin, onState);
    },
  };
}

function unlessAborted(work: Promise<unknown>, signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
    void work.then(resolve);
  });
}
