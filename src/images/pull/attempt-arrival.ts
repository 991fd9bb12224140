import { rmSync, statSync } from "node:fs";
import type { Descriptor } from "../../formats/oci-manifest.ts";
import type { Logger } from "../../logger.ts";
import { createGrowth, endGrowth, readGrowth } from "../../sys/growing-file.ts";
import type { Slots } from "../../sys/slots.ts";
import type { ImageJobs } from "../jobs.ts";
import type { Partials } from "./partials.ts";
import type { Received } from "./receive-layer.ts";
import { type BlobPlace, isDiskFull, tryEach } from "./sources.ts";

/** How far a layer is, for display. */
export interface ReceptionState {
  phase: "waiting" | "downloading" | "extracting";
  /** Another one for each attempt. */
  growth: SharedArrayBuffer;
}

/** A blob to have here. */
export interface WantedBlob {
  blob: Descriptor;
  /** The new folder to unpack it into; without one it is only verified. */
  target: string | undefined;
  /** A new file for the frame of the archive in it. */
  framePath?: string | undefined;
  state: ReceptionState;
}

/** What all attempts share. */
export interface ArrivalPlace {
  partials: Partials;
  jobs: ImageJobs;
  logger: Logger;
  downloadSlots: Slots;
  unpackSlots: Slots;
  /** See `RegistrySettings`. */
  bombBytes: () => number;
}

/** What has come, and who has sent any of it. */
export interface Arrival extends Received {
  senders: BlobPlace[];
}

/** Downloads a blob and unpacks it side by side; when one fails the other is stopped. @throws the reason of the one that failed */
export async function attemptArrival(
  place: ArrivalPlace,
  wanted: WantedBlob,
  sources: readonly BlobPlace[],
  outer: AbortSignal,
): Promise<Arrival> {
  const stop = new AbortController();
  const signal = AbortSignal.any([outer, stop.signal]);
  const growth = createGrowth();
  wanted.state.growth = growth;
  signal.addEventListener("abort", () => endGrowth(growth));
  const stopOnFailure = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      stop.abort();
      throw error;
    }
  };
  const path = place.partials.begin(wanted.blob.digest, wanted.blob.size);
  const [received, downloaded] = await Promise.allSettled([
    stopOnFailure(unpack(place, wanted, signal)),
    stopOnFailure(download(place, wanted, sources, signal)),
  ]);
  if (received.status === "fulfilled" && downloaded.status === "fulfilled")
    return { ...received.value, senders: downloaded.value };
  const error = chooseReason(downloaded, received);
  // Of no use half there, and it would keep the disk full.
  if (isDiskFull(error)) rmSync(path, { force: true });
  throw error;
}

/** @returns who has sent any of it */
async function download(
  { partials, logger, downloadSlots }: ArrivalPlace,
  { blob, state }: WantedBlob,
  sources: readonly BlobPlace[],
  signal: AbortSignal,
): Promise<BlobPlace[]> {
  const { growth } = state;
  const path = partials.path(blob.digest);
  const senders: BlobPlace[] = [];
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

const bombRatio = 200;

async function unpack(
  { partials, jobs, unpackSlots, bombBytes }: ArrivalPlace,
  { blob, target, framePath, state }: WantedBlob,
  signal: AbortSignal,
): Promise<Received> {
  const { growth } = state;
  const release = await unpackSlots.take(signal);
  try {
    const path = partials.path(blob.digest);
    const limitBytes = bombBytes() + bombRatio * blob.size;
    const arrival = { path, digest: blob.digest, sizeBytes: blob.size, growth, limitBytes };
    const places = { ...(target && { target }), ...(framePath && { framePath }) };
    return await jobs.receive({ ...arrival, ...places }, signal);
  } finally {
    release();
  }
}

/** Who was only stopped because of the other has no reason of its own, and what was cut short was so because of the download. */
function chooseReason(
  downloaded: PromiseSettledResult<unknown>,
  received: PromiseSettledResult<unknown>,
): unknown {
  const reasons = [downloaded, received].flatMap((result) =>
    result.status === "rejected" ? [result.reason] : [],
  );
  return reasons.find((reason) => !(reason instanceof Error && reason.name === "AbortError")) ?? reasons[0];
}
