import { invalid } from "../../errors.ts";
import {
  type CacheConfig,
  type CacheResult,
  cacheConfigType,
  inlineCacheKey,
  layersOfResult,
  parseCacheConfig,
  parseInlineCache,
} from "../../formats/cache-config.ts";
import { type Digest, isDigest } from "../../formats/digest.ts";
import { parseImageConfig } from "../../formats/image-config.ts";
import { parseJson } from "../../formats/json.ts";
import { type Descriptor, isIndex, type Manifest, parseManifest } from "../../formats/oci-manifest.ts";
import type { BlobPlace } from "../../images/pull/sources.ts";
import type { CacheSource } from "./cache-places.ts";

/** What a step has made elsewhere. */
export interface ImportedStep {
  /** Base first, the step's own last. */
  chain: ImportedLayer[];
  /** Milliseconds since the epoch. */
  createdAt: number | undefined;
  places: readonly BlobPlace[];
}

export interface ImportedLayer {
  diffId: Digest;
  blob: Descriptor;
}

/** A cache that was made elsewhere. */
export interface ImportedCache {
  /** It knows of no step. */
  isEmpty: boolean;
  /** @param key what the step depends on */
  find(key: string): ImportedStep | undefined;
}

export const uncompressedKey = "containerd.io/uncompressed";
/** Images that one name stands for. */
const mostImages = 32;

/**
 * Reads what there is of a cache, but for its layers: of a cache of its own, or of images that hold theirs themselves.
 * @param onType is given the media type of what it turned out to be
 * @throws EngineError invalid for what is none; what the source throws
 */
export async function readCache(
  source: CacheSource,
  onType: (mediaType: string) => void,
): Promise<ImportedCache> {
  const top = parseManifest(await source.readManifest());
  onType(top.mediaType ?? "");
  if (!isIndex(top)) return readManifestCache(source, top);
  const own = top.manifests.find(({ mediaType }) => mediaType === cacheConfigType);
  if (own) return readOwnCache(source, own, top.manifests);
  const images = top.manifests.filter(({ annotations }) => !annotations?.["vnd.docker.reference.type"]);
  if (images.length > mostImages) throw invalid(`more than ${mostImages} images are no cache`);
  const caches: ImportedCache[] = [];
  for (const { digest } of images) {
    const manifest = parseManifest(await source.readManifest(digest));
    if (!isIndex(manifest)) caches.push(await readManifestCache(source, manifest));
  }
  return joinCaches(caches);
}

export function joinCaches(caches: readonly ImportedCache[]): ImportedCache {
  return {
    isEmpty: caches.every(({ isEmpty }) => isEmpty),
    find(key) {
      for (const cache of caches) {
        const found = cache.find(key);
        if (found) return found;
      }
      return undefined;
    },
  };
}

function readManifestCache(source: CacheSource, { config, layers }: Manifest): Promise<ImportedCache> {
  return config.mediaType === cacheConfigType
    ? readOwnCache(source, config, layers)
    : readInlineCache(source, config, layers);
}

async function readOwnCache(
  source: CacheSource,
  own: Descriptor,
  blobs: readonly Descriptor[],
): Promise<ImportedCache> {
  const config = parseCacheConfig(await source.readDocument(own.digest));
  const layers = new Map(
    blobs.flatMap((blob): [Digest, ImportedLayer][] => {
      const diffId = blob.annotations?.[uncompressedKey] ?? "";
      return isDigest(diffId) ? [[blob.digest, { diffId, blob }]] : [];
    }),
  );
  return indexCache(
    config,
    config.layers.map(({ blob }) => layers.get(blob)),
    source.blobs,
  );
}

async function readInlineCache(
  source: CacheSource,
  { digest }: Descriptor,
  blobs: readonly Descriptor[],
): Promise<ImportedCache> {
  return parseImageCache(await source.readDocument(digest), blobs, source.blobs);
}

/** What an image's config has of its cache. @param places where its layers are @throws EngineError invalid */
export function parseImageCache(
  text: string,
  blobs: readonly Descriptor[],
  places: readonly BlobPlace[],
): ImportedCache {
  const inline = parseJson(text, "image config")[inlineCacheKey];
  if (inline === undefined || inline === null) return { isEmpty: true, find: () => undefined };
  if (typeof inline !== "string") throw invalid(`invalid image config: ${inlineCacheKey} is no base64`);
  const { rootfs } = parseImageConfig(text);
  if (rootfs.diff_ids.length !== blobs.length)
    throw invalid("invalid image config: it has other layers than the manifest");
  const records = Buffer.from(inline, "base64").toString();
  const config = parseInlineCache(
    records,
    blobs.map((blob) => blob.digest),
  );
  const layers = blobs.map((blob, at) => ({ diffId: rootfs.diff_ids[at] as Digest, blob }));
  return indexCache(config, layers, places);
}

/** @param layers by their numbers; undefined for one of which nothing more is known */
function indexCache(
  config: CacheConfig,
  layers: readonly (ImportedLayer | undefined)[],
  places: readonly BlobPlace[],
): ImportedCache {
  const results = new Map<string, CacheResult>();
  for (const { digest, inputs, results: all } of config.records) {
    // A record with inputs says what a step does, and not what it depends on: it is of another builder.
    const [first] = all;
    if (inputs.length === 0 && first && !results.has(digest)) results.set(digest, first);
  }
  return {
    isEmpty: results.size === 0,
    find(key) {
      const result = results.get(`sha256:${key}`);
      if (!result) return undefined;
      const chain = layersOfResult(config, result).map((number) => layers[number]);
      if (chain.length === 0 || !chain.every((layer) => layer !== undefined)) return undefined;
      return { chain: chain as ImportedLayer[], createdAt: result.createdAt, places };
    },
  };
}
