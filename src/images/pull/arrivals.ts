import { rmSync, statSync } from "node:fs";
import { type EngineError, invalid } from "../../errors.ts";
import type { Digest } from "../../formats/digest.ts";
import { createSlots } from "../../sys/slots.ts";
import type { Unpacked } from "../unpack.ts";
import { type Arrival, type ArrivalPlace, attemptArrival, type WantedBlob } from "./attempt-arrival.ts";
import { type BlobPlace, tryEach } from "./sources.ts";

export interface ArrivalsOptions extends Omit<ArrivalPlace, "downloadSlots" | "unpackSlots"> {
  /** How many may download at a time. */
  downloads: () => number;
  /** How many may unpack at a time while the rest of them is still coming. */
  unpackers: number;
}

/** Blobs coming in, each downloaded and unpacked side by side. */
export interface Arrivals {
  /**
   * Brings a blob among the verified partials. Where a source fails, the next goes on; where the content is wrong in the end,
   * nothing of it is kept and each is asked for all of it.
   * @throws what went wrong at the last source; the signal's reason
   */
  bring(
    wanted: WantedBlob,
    sources: readonly BlobPlace[],
    signal: AbortSignal,
  ): Promise<Unpacked | undefined>;
}

export function createArrivals({ downloads, unpackers, ...options }: ArrivalsOptions): Arrivals {
  const { partials } = options;
  const place: ArrivalPlace = {
    ...options,
    downloadSlots: createSlots(downloads),
    unpackSlots: createSlots(() => unpackers),
  };
  return {
    bring: (wanted, sources, signal) =>
      bring(place, wanted, sources, signal).catch((error: unknown) => {
        partials.release(wanted.blob.digest);
        throw error;
      }),
  };
}

async function bring(
  place: ArrivalPlace,
  wanted: WantedBlob,
  sources: readonly BlobPlace[],
  signal: AbortSignal,
): Promise<Unpacked | undefined> {
  const { partials, logger } = place;
  const { digest, size } = wanted.blob;
  const accept = ({ unpacked }: Arrival) => {
    partials.accept(digest);
    return unpacked;
  };
  const knownBytes = statSync(partials.begin(digest, size)).size;
  const received = await attemptArrival(place, wanted, sources, signal);
  if (received.actual === digest) return accept(received);
  const { senders } = received;
  logger.debug({ digest, actual: received.actual, senders: namesOf(senders), knownBytes }, "wrong content");
  // Of several sources the liar is unknown; a single one lied.
  const liar = senders.length === 1 && knownBytes === 0 ? senders[0] : undefined;
  const rest = sources.filter((source) => source !== liar);
  if (rest.length === 0) throw wrongContent(digest, received);
  return tryEach(rest, { signal, logger }, async (source) => {
    rmSync(partials.path(digest), { force: true });
    const again = await attemptArrival(place, wanted, [source], signal);
    if (again.actual !== digest) throw wrongContent(digest, again);
    return accept(again);
  });
}

const namesOf = (sources: readonly BlobPlace[]) => sources.map(({ name }) => name).join(" and ");

function wrongContent(digest: Digest, { actual, senders }: Arrival): EngineError {
  return invalid(
    `filesystem layer verification failed for digest ${digest}: ${namesOf(senders)} sent ${actual}`,
  );
}
