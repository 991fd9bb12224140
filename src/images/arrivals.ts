import { rmSync, statSync } from "node:fs";
import { type EngineError, invalid } from "../errors.ts";
import type { Digest } from "../formats/digest.ts";
import type { Descriptor } from "../formats/oci-manifest.ts";
import type { Logger } from "../logger.ts";
import { createGrowth, endGrowth, readGrowth } from "../sys/growing-file.ts";
import type { ImageJobs } from "./jobs.ts";
import type { Partials } from "./partials.ts";
import type { Received } from "./receive-layer.ts";
import { createSlots } from "./slots.ts";
import { isDiskFull, type Source, tryEach } from "./sources.ts";
import type { Unpacked } from "./unpack.ts";

/** How far a layer is, for whoever shows it. */
export interface ReceptionState {
  phase: "waiting" | "downloading" | "extracting";
  /** Another one for each attempt. */
  growth: SharedArrayBuffer;
}

export interface ArrivalsOptions {
  partials: Partials;
  jobs: ImageJobs;
  logger: Logger;
  /** How many may download at a time. */
  downloads: () => number;
  /** See `RegistrySettings`. */
  bombBytes: () => number;
  /** How many may unpack at a time while the rest of them is still coming. */
  unpackers: number;
}

/** A blob to have here. */
export interface WantedBlob {
  blob: Descriptor;
  /** The new folder to unpack it into; without one it is only verified. */
  target: string | undefined;
  state: ReceptionState;
}

/** Blobs coming in, each downloaded and unpacked side by side. */
export interface Arrivals {
  /**
   * Brings a blob, verified, into its partial file. Where a source fails, the next goes on; where the content is wrong in the end,
   * nothing of it is kept and each is asked for all of it.
   * @throws what went wrong at the last source; the signal's reason
   */
  bring(wanted: WantedBlob, sources: readonly Source[], signal: AbortSignal): Promise<Unpacked | undefined>;
}

const bombRatio = 200;

export function createArrivals({ partials, jobs, logger, ...limits }: ArrivalsOptions): Arrivals {
  const downloadSlots = createSlots(limits.downloads);
  const unpackSlots = createSlots(() => limits.unpackers);

  /** @returns who has sent any of it */
  async function download({ blob, state }: WantedBlob, sources: readonly Source[], signal: AbortSignal) {
    const { growth } = state;
    const path = partials.path(blob.digest);
    const senders: Source[] = [];
    const release = await downloadSlots.take(signal);
    try {
      state.phase = "downloading";
      let before = statSync(path).size;
      await tryEach(sources, { signal, logger }, async (source) => {
        try {
          await (await source.open(signal)).download(blob, { path, growth }, signal);
        } finally {
          const { writtenBytes } = readGrowth(growth);
          if (writtenBytes > before) senders.push(source);
          before = writtenBytes;
        }
      });
      state.phase = "extracting";
      return senders;
    } finally {
      release();
    }
  }

  async function unpack({ blob, target, state }: WantedBlob, signal: AbortSignal): Promise<Received> {
    const { growth } = state;
    const release = await unpackSlots.take(signal);
    try {
      const path = partials.path(blob.digest);
      const limitBytes = limits.bombBytes() + bombRatio * blob.size;
      const arrival = { path, digest: blob.digest, sizeBytes: blob.size, growth, limitBytes };
      return await jobs.receive({ ...arrival, ...(target && { target }) }, signal);
    } finally {
      release();
    }
  }

  /** Downloads and unpacks side by side; when one fails the other is stopped. */
  async function attempt(
    wanted: WantedBlob,
    sources: readonly Source[],
    outer: AbortSignal,
  ): Promise<Received & { senders: Source[] }> {
    const stop = new AbortController();
    const signal = AbortSignal.any([outer, stop.signal]);
    const growth = createGrowth();
    wanted.state.growth = growth;
    signal.addEventListener("abort", () => endGrowth(growth));
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
    const path = partials.begin(wanted.blob.digest);
    const [received, downloaded] = await Promise.allSettled([
      failing(unpack(wanted, signal)),
      failing(download(wanted, sources, signal)),
    ]);
    if (received.status === "fulfilled" && downloaded.status === "fulfilled")
      return { ...received.value, senders: downloaded.value };
    // Of no use half there, and it would keep the disk full.
    if (isDiskFull(cause?.error)) rmSync(path, { force: true });
    throw cause?.error;
  }

  return {
    async bring(wanted, sources, signal) {
      const { digest } = wanted.blob;
      const knownBytes = statSync(partials.begin(digest)).size;
      const received = await attempt(wanted, sources, signal);
      if (received.actual === digest) return received.unpacked;
      const { senders } = received;
      logger.debug(
        { digest, actual: received.actual, senders: namesOf(senders), knownBytes },
        "wrong content",
      );
      // Of several nobody knows who lied; one alone did.
      const liar = senders.length === 1 && knownBytes === 0 ? senders[0] : undefined;
      const rest = sources.filter((source) => source !== liar);
      if (rest.length === 0) throw wrongContent(digest, received);
      return tryEach(rest, { signal, logger }, async (source) => {
        rmSync(partials.path(digest), { force: true });
        const again = await attempt(wanted, [source], signal);
        if (again.actual !== digest) throw wrongContent(digest, again);
        return again.unpacked;
      });
    },
  };
}

const namesOf = (sources: readonly Source[]) => sources.map(({ name }) => name).join(" and ");

function wrongContent(digest: Digest, { actual, senders }: Received & { senders: Source[] }): EngineError {
  return invalid(
    `filesystem layer verification failed for digest ${digest}: ${namesOf(senders)} sent ${actual}`,
  );
}
