import type { Registries } from "../../distribution/registries.ts";
import { invalid } from "../../errors.ts";
import { chainIds, type Digest, shortId } from "../../formats/digest.ts";
import type { ProgressMessage } from "../../formats/docker-api/docker-api.ts";
import { hostPlatform, type ImageConfig, layerLimit, parseImageConfig } from "../../formats/image-config.ts";
import { type Descriptor, mediaTypes, type Platform } from "../../formats/oci-manifest.ts";
import { formatPlatform, isSamePlatform, platformsFor } from "../../formats/platform.ts";
import { formatFamiliar, type Reference } from "../../formats/reference.ts";
import type { RegistryAuth } from "../../formats/registry-auth.ts";
import type { Logger } from "../../logger.ts";
import { chooseManifest, contentOf, hasIndex } from "../select-manifest.ts";
import type { BlobStore } from "../store/blobs.ts";
import type { ImageCatalog, ImageRecord } from "../store/catalog.ts";
import type { LastUse } from "../store/last-use.ts";
import type { Partials } from "./partials.ts";
import { createProgressClock } from "./pull-progress.ts";
import type { Receptions, WantedLayer } from "./receptions.ts";
import { explainForPull, type ResolvedImage, resolveImage, resolveTarget } from "./resolve-image.ts";
import { openSources, placesOf, type Source, tryEach } from "./sources.ts";

export interface PullOptions {
  auth: RegistryAuth;
  /** This machine's when left out. */
  platform?: Platform;
  report: (message: ProgressMessage) => void;
  /** Aborted when no caller waits for it any more: then it stops. */
  signal: AbortSignal;
}

export interface PullStore {
  registries: Registries;
  blobs: BlobStore;
  partials: Partials;
  catalog: ImageCatalog;
  receptions: Receptions;
  lastUse: LastUse;
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
 * when none of them has it, it was a wrong manifest, and the next place's counts.
 */
async function pullOne(
  store: PullStore,
  sources: readonly Source[],
  reference: Reference,
  { platform, report, signal }: PullOptions,
): Promise<{ image: ImageRecord; hasChanged: boolean }> {
  const { catalog, logger } = store;
  const failures = new Map<Digest, unknown>();
  const { image, top, hasChanged } = await tryEach(sources, { signal, logger }, async (source) => {
    const target = await resolveTarget(source, reference, signal);
    const top = target.document.digest;
    if (failures.has(top)) throw failures.get(top);
    if (failures.size === 0)
      report({ status: `Pulling from ${reference.path}`, id: reference.digest ?? reference.tag ?? "latest" });
    const known = findKnown(catalog, reference, top, platform);
    if (known) return { image: known, top, hasChanged: nameImage(store, reference, top, known) };
    const wanted = platform ?? hostPlatform();
    const resolved = await resolveImage(source, reference, target, { platform: wanted, signal });
    try {
      const others = sources.filter((other) => other !== source);
      const all = { reference, platform, resolved, sources: [source, ...others] };
      const name = (image: ImageRecord) => nameImage(store, reference, top, image);
      return { image: await bring(store, all, { report, signal }, name), top, hasChanged: true };
    } catch (error) {
      failures.set(top, error);
      throw error;
    }
  });
  report({ status: `Digest: ${top}` });
  return { image, hasChanged };
}

/** @returns whether the name that was asked for is its own only now; that it is known by its digest as well is no news */
function nameImage(
  { catalog, lastUse }: PullStore,
  { domain, path, tag, digest }: Reference,
  top: Digest,
  { id }: ImageRecord,
): boolean {
  const names: Reference[] = [
    { domain, path, digest: top },
    ...(tag && !digest ? [{ domain, path, tag }] : []),
  ];
  const missing = names.filter((name) => catalog.references.find(name) !== id);
  for (const name of missing) catalog.name(name, id);
  lastUse.touch(id);
  return missing.includes(names.at(-1) as Reference);
}

/**
 * The image, when it is here with what a platform wants of it. Under the digest that a registry gave for what was compressed here and
 * pushed, this is the image that it was made of.
 * @throws invalid when it is an image for another platform only
 */
function findKnown(
  { images, references }: ImageCatalog,
  reference: Reference,
  top: Digest,
  platform: Platform | undefined,
): ImageRecord | undefined {
  const { domain, path } = reference;
  const own = images.get(top);
  const pushed = images.get(references.find({ domain, path, digest: top }) ?? "");
  if (own && !hasIndex(own)) checkPlatform(contentOf(own).config, reference, platform);
  else if (own) return chooseManifest(own.manifests, platform ?? hostPlatform())?.content && own;
  if (own || !pushed) return own;
  const { config, origin } = contentOf(pushed);
  return origin !== "received" && (!platform || isFor(config, platform)) ? pushed : undefined;
}

interface WantedImage {
  reference: Reference;
  platform: Platform | undefined;
  resolved: ResolvedImage;
  /** The best first. */
  sources: readonly Source[];
}

/** Everything an image needs, then its record, and its name before anything may take it for one that is not used. */
async function bring(
  { registries, blobs, partials, catalog, receptions, logger }: PullStore,
  { reference, platform, resolved, sources }: WantedImage,
  { report, signal }: Pick<PullOptions, "report" | "signal">,
  name: (image: ImageRecord) => void,
): Promise<ImageRecord> {
  const { manifest, document, documents } = resolved;
  const configText = await tryEach(sources, { signal, logger }, async (source) =>
    (await source.open(signal)).getDocument(manifest.config.digest, signal),
  );
  const config = parseImageConfig(configText);
  if (config.os === "windows")
    throw invalid('image operating system "windows" cannot be used on this platform');
  checkPlatform(config, reference, platform);
  const layers = listLayers(config, manifest.layers);
  const needed = [
    manifest.config.digest,
    document.digest,
    ...documents.map(({ digest }) => digest),
    ...layers.flatMap(({ blob, diffId, chainId }) => [blob.digest, diffId, chainId]),
  ];
  return catalog.protect(needed, async () => {
    await receiveAll(receptions, layers, sources, { report, signal });
    signal.throwIfAborted();
    const texts = [configText, document.text, ...documents.map(({ text }) => text)];
    await Promise.all(texts.map((text) => blobs.put(text)));
    const kept = new Map<Digest, Descriptor>();
    for (const { blob, diffId } of layers)
      kept.set(
        blob.digest,
        kept.get(blob.digest) ?? (await keepBlob({ blobs, partials, registries }, blob, diffId)),
      );
    const isAsReceived = [...kept].every(([digest, { digest: own }]) => own === digest);
    const content = {
      config: manifest.config.digest,
      blobs: layers.map(({ blob }) => kept.get(blob.digest) ?? blob),
      origin: isAsReceived ? ("received" as const) : ("repacked" as const),
    };
    const { target, indexes, manifests } = resolved;
    const isWanted = ({ descriptor: { digest } }: { descriptor: Descriptor }) => digest === document.digest;
    const image = await catalog.add({
      ...{ target, indexes },
      manifests: manifests.map((listed) => (isWanted(listed) ? { ...listed, content } : listed)),
    });
    name(image);
    return image;
  });
}

/** Puts a blob that has come into the store, or drops it where the frame of what is in it is to do. @returns which the image has */
async function keepBlob(
  { blobs, partials, registries }: Pick<PullStore, "blobs" | "partials" | "registries">,
  { mediaType, digest, size }: Descriptor,
  diffId: Digest,
): Promise<Descriptor> {
  const isDropped = !registries.settings.keepsCompressed && digest !== diffId && blobs.hasFrame(diffId);
  if (!isDropped) {
    partials.keep(digest);
    return { mediaType, digest, size };
  }
  partials.discard(digest);
  return { mediaType: mediaTypes.layer, digest: diffId, size: await blobs.getSizeBytes(diffId) };
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
          await receptions.receive(layer, placesOf(layer.blob, sources), either, progress.watch);
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
  if (!wanted || isFor(config, wanted)) return;
  const actual = formatPlatform({ os, architecture, ...(variant && { variant }) });
  throw invalid(
    `image with reference ${formatFamiliar(reference)} was found but does not provide the specified platform: wanted ` +
      `${formatPlatform(wanted)}, actual: ${actual}`,
  );
}

/** An image that says nothing of its variant, or another one, is left to the user. */
function isFor(config: ImageConfig, wanted: Platform): boolean {
  const isSame = wanted.os === config.os && wanted.architecture === config.architecture;
  return isSame || platformsFor(wanted).some((platform) => isSamePlatform(platform, config));
}

function withoutTag({ domain, path, digest }: Reference): Reference {
  return { domain, path, ...(digest && { digest }) };
}
