import { isDigest } from "../formats/digest.ts";
import type { ImageHistoryItem, ImageInspect, ImageSummary } from "../formats/docker-api/docker-api.ts";
import { imageOwnConfigShape } from "../formats/docker-api/docker-api-config.ts";
import { formatFamiliar, repositoryOf } from "../formats/reference.ts";
import { decode } from "../formats/shape.ts";
import { describeDescriptor } from "./describe-manifests.ts";
import { layersOf } from "./image-index.ts";
import { contentOf, type PresentManifest } from "./select-manifest.ts";
import type { ImageCatalog, ImageRecord } from "./store/catalog.ts";
import type { ImageContent } from "./store/kinds.ts";
import type { Layers } from "./store/layers.ts";

/**
 * References as the API gives them, in two lists. In each repository an image has the digests by which a registry knows it, or else its
 * own.
 */
export function listReferences(catalog: ImageCatalog, id: string): { tags: string[]; digests: string[] } {
  const all = catalog.references.of(id);
  const known = new Set(all.filter(({ digest }) => digest).map(repositoryOf));
  const digests = new Set<string>();
  for (const reference of all) {
    const { domain, path, digest } = reference;
    if (digest) digests.add(formatFamiliar(reference));
    else if (isDigest(id) && !known.has(repositoryOf(reference)))
      digests.add(formatFamiliar({ domain, path, digest: id }));
  }
  return { tags: all.filter(({ digest }) => !digest).map(formatFamiliar), digests: [...digests] };
}

/** `GET /images/{name}/json`. `directories` are those of its layers, topmost first. @param manifest instead of the whole */
export function inspectImage(
  catalog: ImageCatalog,
  image: ImageRecord,
  directories: readonly string[],
  manifest?: PresentManifest,
): ImageInspect {
  const { config, sizeBytes } = manifest?.content ?? contentOf(image);
  const target = manifest?.descriptor ?? image.target;
  const { tags, digests } = listReferences(catalog, image.id);
  return {
    Id: target.digest,
    RepoTags: tags,
    RepoDigests: digests,
    Parent: catalog.images.has(image.parent) ? image.parent : "",
    Comment: config.comment ?? config.history?.at(-1)?.comment ?? "",
    Created: config.created ?? "",
    DockerVersion: config.docker_version ?? "",
    Author: config.author ?? "",
    Config: decode(imageOwnConfigShape, config.config),
    Architecture: config.architecture,
    ...(config.variant && { Variant: config.variant }),
    Os: config.os,
    Size: sizeBytes,
    GraphDriver: { Name: "overlay2", Data: graphData(directories) },
    RootFS: { Type: "layers", Layers: config.rootfs.diff_ids },
    Metadata: { LastTagTime: image.lastTagTime },
    Descriptor: describeDescriptor(target),
  };
}

function graphData(directories: readonly string[]): Record<string, string> {
  const [top, ...below] = directories;
  return { ...(below.length > 0 && { LowerDir: below.join(":") }), ...(top && { UpperDir: top }) };
}

/** One element of `GET /images/json`; `containers` is -1 when not counted. */
export function summarizeImage(catalog: ImageCatalog, image: ImageRecord, containers: number): ImageSummary {
  const { tags, digests } = listReferences(catalog, image.id);
  const { config, sizeBytes } = contentOf(image);
  return {
    Id: image.id,
    ParentId: catalog.images.has(image.parent) ? image.parent : "",
    RepoTags: tags,
    RepoDigests: digests,
    Created: unixSeconds(config.created),
    Size: sizeBytes,
    SharedSize: -1,
    Labels: config.config?.Labels ?? null,
    Containers: containers,
    Descriptor: describeDescriptor(image.target),
  };
}

/** Bytes of an image's layers that other images have too. */
export function sharedSizeBytes(catalog: ImageCatalog, layers: Layers, image: ImageRecord): number {
  const shared = layersOf(image).filter((chainId) => catalog.imagesWithLayer(chainId) > 1);
  return shared.reduce((sum, chainId) => sum + (layers.find(chainId)?.sizeBytes ?? 0), 0);
}

/** `GET /images/{name}/history`: the newest step first. Only the top one, and steps that are images here, have an id. */
export function listHistory(
  catalog: ImageCatalog,
  layers: Layers,
  image: ImageRecord,
  { layers: chains, config }: ImageContent,
): ImageHistoryItem[] {
  const chain = [...chains];
  const items = (config.history ?? []).map((entry): ImageHistoryItem => {
    const chainId = entry.empty_layer ? undefined : chain.shift();
    return {
      Id: "<missing>",
      Created: unixSeconds(entry.created),
      CreatedBy: entry.created_by ?? "",
      Tags: null,
      Size: (chainId && layers.find(chainId)?.sizeBytes) || 0,
      Comment: entry.comment ?? "",
    };
  });
  items.reverse();
  let step: ImageRecord | undefined = image;
  for (const item of items) {
    if (!step) break;
    item.Id = step.id;
    const { tags } = listReferences(catalog, step.id);
    if (tags.length > 0) item.Tags = tags;
    step = catalog.images.get(step.parent);
  }
  return items;
}

function unixSeconds(time: string | undefined): number {
  const milliseconds = time ? Date.parse(time) : Number.NaN;
  return Number.isNaN(milliseconds) ? 0 : Math.floor(milliseconds / 1000);
}
