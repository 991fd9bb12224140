import type { LocalBlob, PushTarget } from "../../distribution/publication.ts";
import { EngineError } from "../../errors.ts";
import { type Digest, shortId } from "../../formats/digest.ts";
import type { ProgressMessage } from "../../formats/docker-api/docker-api.ts";
import { createGrowth, readGrowth } from "../../sys/growing-file.ts";
import type { Slots } from "../../sys/slots.ts";

/** A layer to have at a registry. */
export interface PushedLayer {
  blob: Omit<LocalBlob, "path">;
  diffId: string;
  /** Its blob must not be given on: only an address of it is. */
  isForeign: boolean;
  /** Repositories of the same registry that are known to have it. */
  mountSources: string[];
}

/** A file with what is in a blob, for as long as it is open. */
export interface BlobFile {
  path: string;
  close(): Promise<void>;
}

export interface PublishOptions {
  slots: Slots;
  openFile(digest: Digest): Promise<BlobFile>;
  report: (message: ProgressMessage) => void;
  signal: AbortSignal;
}

const intervalMilliseconds = 100;
const mostMounts = 3;

/**
 * Has the registry get every layer that it does not have: from a repository of its own, else from here. All at once, as far as
 * `slots` go; the first failure stops the others.
 */
export async function publishLayers(
  publication: PushTarget,
  layers: readonly PushedLayer[],
  options: PublishOptions,
): Promise<void> {
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  let failure: { error: unknown } | undefined;
  await Promise.all(
    layers.map(async (layer) => {
      try {
        await publishLayer(publication, layer, { ...options, signal });
      } catch (error) {
        failure ??= { error };
        stop.abort();
      }
    }),
  );
  if (failure) throw failure.error;
}

async function publishLayer(
  publication: PushTarget,
  { blob, diffId, isForeign, mountSources }: PushedLayer,
  { slots, openFile, report, signal }: PublishOptions,
): Promise<void> {
  const id = shortId(diffId);
  const tell = (status: string) => report({ status, progressDetail: {}, id });
  if (isForeign) return tell("Skipped foreign layer");
  const release = await slots.take(signal);
  try {
    if (await publication.hasBlob(blob.digest, signal)) return tell("Layer already exists");
    for (const source of mountSources.slice(0, mostMounts)) {
      if (await tryMount(publication, blob, source, signal)) return tell(`Mounted from ${source}`);
    }
    const growth = createGrowth();
    const show = () => {
      const current = readGrowth(growth).writtenBytes;
      report({ status: "Pushing", progressDetail: { current, total: blob.sizeBytes }, id });
    };
    const file = await openFile(blob.digest);
    const timer = setInterval(show, intervalMilliseconds);
    try {
      await publication.upload({ ...blob, path: file.path }, growth, signal);
    } finally {
      clearInterval(timer);
      await file.close();
    }
    tell("Pushed");
  } finally {
    release();
  }
}

/** A registry that will not is no reason to give up: the blob is here. */
async function tryMount(
  publication: PushTarget,
  blob: PushedLayer["blob"],
  source: string,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    return await publication.mount(blob.digest, source, signal);
  } catch (error) {
    if (error instanceof EngineError && !signal.aborted) return false;
    throw error;
  }
}
