import type { Registries } from "../distribution/registries.ts";
import { invalid } from "../errors.ts";
import { chainIds, type Digest, shortId } from "../formats/digest.ts";
import type { ProgressMessage } from "../formats/docker-api.ts";
import { hostPlatform, type ImageConfig, parseImageConfig } from "../formats/image-config.ts";
import type { Platform } from "../formats/oci-manifest.ts";
import { formatPlatform } from "../formats/platform.ts";
import { formatFamiliar, type Reference } from "../formats/reference.ts";
import type { RegistryAuth } from "../formats/registry-auth.ts";
import type { Logger } from "../logger.ts";
import type { Blobs } from "./blobs.ts";
import { type Catalog, type ImageRecord, layerLimit } from "./catalog.ts";
import type { Partials } from "./partials.ts";
import { createProgressClock } from "./pull-progress.ts";
import type { Receptions, WantedLayer } from "./receptions.ts";
import { explainForPull, type ResolvedImage, resolveImage } from "./resolve-image.ts";
import { openSources, type Source, tryEach } from "./sources.ts";

export interface PullOptions {
  auth: RegistryAuth;
  /** This machine's when left out. */
  platform?: Platform;
  report: (message: ProgressMessage) => void;
  /** Aborted when nobody waits for it any more: then it stops. */
  signal: AbortSignal;
}

export interface PullStore {
  registries: Registries;
  blobs: Blobs;
  partials: Partials;
  catalog: Catalog;
  receptions: Receptions;
  logger: Logger;
}

/**
 * `docker pull`: what a tag or a digest stands for; every tag of the repository when there is neither. Nothing is an image
 * before all of it is here; what came of one that failed is used by the next.
 * @throws EngineError in Docker's words
 */
export async function pullImages(
  store: PullStore,
  reference: Reference,
  options: PullOptions,
): Promise<ImageRecord[]> {
  const sources = openSources(store.registries, reference, options.auth);
  const references =
    reference.tag || reference.digest
      ? [reference]
      : await listTagged(store, sources, reference, options.signal);
  const pulled: ImageRecord[] = [];
  let isNewer = false;
  for (const one of references) {
    const { image, hasChanged } = await pullOne(store, sources, one, options);
    pulled.push(image);
    isNewer ||= hasChanged;
  }
  const shown = formatFamiliar(reference.digest ? withoutTag(reference) : reference);
  options.report({
    status: isNewer
      ? `Status: Downloaded newer image for ${shown}`
      : `Status: Image is up to date for ${shown}`,
  });
  return pulled;
}

async function listTagged(
  { logger }: PullStore,
  sources: readonly Source[],
  reference: Reference,
  signal: AbortSignal,
): Promise<Reference[]> {
  try {
    const list = async (source: Source) => (await source.open(signal)).listTags(signal);
    const tags = await tryEach(sources, { signal, logger }, list);
    return tags.map((tag) => ({ ...reference, tag }));
  } catch (error) {
    throw signal.aborted ? error : explainForPull(error, reference);
  }
}

/**
 * Pulls what the first place says the reference stands for. Parts that this place does not have, or has wrong, come from the others;
 * when it is not to be had from any of them, it was a wrong manifest, and the next place's counts.
 */
async function pullOne(
  store: PullStore,
  sources: readonly Source[],
  reference: Reference,
  { platform, report, signal }: PullOptions,
): Promise<{ image: ImageRecord; hasChanged: boolean }> {
  const { catalog, logger } = store;
  const failures = new Map<Digest, unknown>();
  const { image, top } = await tryEach(sources, { signal, logger }, async (source) => {
    const resolved = await resolveImage(source, reference, platform ?? hostPlatform(), signal);
    const { digest } = resolved.document;
    if (failures.has(digest)) throw failures.get(digest);
    if (failures.size === 0)
      report({ status: `Pulling from ${reference.path}`, id: reference.digest ?? reference.tag ?? "latest" });
    const known = catalog.images.get(resolved.manifest.config.digest);
    const others = sources.filter((other) => other !== source);
    try {
      if (known) checkPlatform(known.config, reference, platform);
      const wanted = { reference, platform, resolved, sources: [source, ...others] };
      return { image: known ?? (await bring(store, wanted, { report, signal })), top: resolved.top };
    } catch (error) {
      failures.set(digest, error);
      throw error;
    }
  });
  const { domain, path, tag, digest } = reference;
  const names: Reference[] = [
    { domain, path, digest: top.digest },
    ...(tag && !digest ? [{ domain, path, tag }] : []),
  ];
  const missing = names.filter((name) => catalog.references.find(name) !== image.id);
  for (const name of missing) catalog.name(name, image.id);
  report({ status: `Digest: ${top.digest}` });
  return { image, hasChanged: missing.length > 0 };
}

interface WantedImage {
  reference: Reference;
  platform: Platform | undefined;
  resolved: ResolvedImage;
  /** The best first. */
  sources: readonly Source[];
}

/** Everything an image needs, then its record. */
async function bring(
  { blobs, partials, catalog, receptions, logger }: PullStore,
  { reference, platform, resolved, sources }: WantedImage,
  { report, signal }: Pick<PullOptions, "report" | "signal">,
): Promise<ImageRecord> {
  const { manifest, document } = resolved;
  const configText = await tryEach(sources, { signal, logger }, async (source) =>
    (await source.open(signal)).getDocument(manifest.config.digest, signal),
  );
  const config = parseImageConfig(configText);
  checkPlatform(config, reference, platform);
  const layers = listLayers(config, manifest.layers);
  const needed = [
    manifest.config.digest,
    document.digest,
    ...layers.flatMap(({ blob, chainId }) => [blob.digest, chainId]),
  ];
  return catalog.protect(needed, async () => {
    await receiveAll(receptions, layers, sources, { report, signal });
    signal.throwIfAborted();
    await Promise.all([blobs.put(configText), blobs.put(document.text)]);
    for (const digest of new Set(layers.map(({ blob }) => blob.digest))) partials.keep(digest);
    return catalog.add({
      config: manifest.config.digest,
      blobs: manifest.layers.map(({ mediaType, digest, size }) => ({ mediaType, digest, size })),
      manifest: {
        mediaType: manifest.mediaType ?? document.mediaType,
        digest: document.digest,
        size: document.sizeBytes,
      },
    });
  });
}

function listLayers(config: ImageConfig, blobs: ResolvedImage["manifest"]["layers"]): WantedLayer[] {
  const diffIds = config.rootfs.diff_ids;
  if (diffIds.length !== blobs.length)
    throw invalid(
      `invalid manifest, layers length mismatch: expected ${diffIds.length}, got ${blobs.length}`,
    );
  if (diffIds.length > layerLimit) throw invalid("max depth exceeded");
  const chains = chainIds(diffIds);
  return blobs.map((blob, at) => ({ blob, diffId: diffIds[at] as Digest, chainId: chains[at] as Digest }));
}

/** All at once; the first failure stops the others. */
async function receiveAll(
  receptions: Receptions,
  layers: readonly WantedLayer[],
  sources: readonly Source[],
  { report, signal }: Pick<PullOptions, "report" | "signal">,
): Promise<void> {
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  const clock = createProgressClock(report);
  for (const layer of layers) {
    const status = receptions.isThere(layer) ? "Already exists" : "Pulling fs layer";
    report({ status, progressDetail: {}, id: shortId(layer.blob.digest) });
  }
  let failure: { error: unknown } | undefined;
  await Promise.all(
    layers
      .filter((layer) => !receptions.isThere(layer))
      .map(async (layer) => {
        const progress = clock.follow(layer);
        try {
          await receptions.receive(layer, sources, either, progress.watch);
          progress.finish();
        } catch (error) {
          failure ??= { error };
          stop.abort();
        }
      }),
  );
  clock.stop();
  if (failure) throw failure.error;
}

function checkPlatform(config: ImageConfig, reference: Reference, wanted: Platform | undefined): void {
  const { os, architecture, variant } = config;
  if (os !== "linux") throw invalid(`image operating system "${os}" cannot be used on this platform`);
  if (!wanted || (wanted.os === os && wanted.architecture === architecture)) return;
  const actual = formatPlatform({ os, architecture, ...(variant && { variant }) });
  throw invalid(
    `image with reference ${formatFamiliar(reference)} was found but does not provide the specified platform: wanted ` +
      `${formatPlatform(wanted)}, actual: ${actual}`,
  );
}

function withoutTag({ domain, path, digest }: Reference): Reference {
  return { domain, path, ...(digest && { digest }) };
}
