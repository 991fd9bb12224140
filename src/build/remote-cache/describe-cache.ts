import {
  type CacheConfig,
  type CacheConfigRecord,
  cacheConfigType,
  formatCacheConfig,
  formatInlineCache,
} from "../../formats/cache-config.ts";
import { type Digest, digestOf } from "../../formats/digest.ts";
import { type Descriptor, mediaTypes } from "../../formats/oci-manifest.ts";
import type { CacheExport } from "./cache-orders.ts";
import type { ExportedStep } from "./exported-step.ts";
import { uncompressedKey } from "./read-cache.ts";

/** Documents of a cache, to be written after its layers. */
export interface DescribedCache {
  config: { text: string; digest: Digest };
  manifest: { mediaType: string; text: string; digest: Digest };
}

/** @param blobs the layers' as they are written, by chainID */
export function describeRemoteCache(
  steps: readonly ExportedStep[],
  blobs: ReadonlyMap<string, Descriptor>,
  style: Pick<CacheExport, "isImage" | "isOci">,
): DescribedCache {
  const { config, descriptors } = describeSteps(steps, blobs);
  const text = formatCacheConfig(config);
  const own = { mediaType: cacheConfigType, digest: digestOf(text), size: Buffer.byteLength(text) };
  const mediaType = style.isImage
    ? mediaTypes.manifest
    : style.isOci
      ? mediaTypes.index
      : mediaTypes.dockerList;
  const manifest = JSON.stringify({
    ...{ schemaVersion: 2, mediaType },
    ...(style.isImage
      ? { config: own, layers: descriptors }
      : { manifests: [...(style.isOci ? descriptors : descriptors.map(asDocker)), own] }),
  });
  return {
    config: { text, digest: own.digest },
    manifest: { mediaType, text: manifest, digest: digestOf(manifest) },
  };
}

function asDocker(descriptor: Descriptor): Descriptor {
  const isGzip = descriptor.mediaType === mediaTypes.gzipLayer;
  return isGzip ? { ...descriptor, mediaType: mediaTypes.dockerLayer } : descriptor;
}

function describeSteps(
  steps: readonly ExportedStep[],
  blobs: ReadonlyMap<string, Descriptor>,
): { config: CacheConfig; descriptors: Descriptor[] } {
  const config: CacheConfig = { layers: [], records: [] };
  const numbers = new Map<string, number>();
  const descriptors = new Map<Digest, Descriptor>();
  const keys = new Set<string>();
  for (const { keys: own, layers, createdAt } of steps) {
    let top = -1;
    for (const { chainId, diffId } of layers) {
      const { mediaType, digest, size } = blobs.get(chainId) as Descriptor;
      const known = numbers.get(chainId);
      if (known === undefined) {
        numbers.set(chainId, config.layers.length);
        config.layers.push({ blob: digest, parent: top });
      }
      top = known ?? config.layers.length - 1;
      descriptors.set(digest, { mediaType, digest, size, annotations: { [uncompressedKey]: diffId } });
    }
    for (const key of own.filter((one) => !keys.has(one))) {
      keys.add(key);
      config.records.push(recordOf(key, top, createdAt));
    }
  }
  return { config, descriptors: [...descriptors.values()] };
}

/** What an image says of the steps that it was made of. @param layers the image's chainIDs, base first */
export function describeInline(steps: readonly ExportedStep[], layers: readonly string[]): string {
  const records = steps.flatMap(({ keys, layers: own, createdAt }) => {
    const top = layers.indexOf(own.at(-1)?.chainId ?? "");
    return top < 0 ? [] : keys.map((key) => recordOf(key, top, createdAt));
  });
  return Buffer.from(formatInlineCache(records)).toString("base64");
}

function recordOf(key: string, top: number, createdAt: number | undefined): CacheConfigRecord {
  return { digest: `sha256:${key}`, inputs: [], results: [{ top, createdAt }] };
}
