import { emptyConfig, encodeConfig } from "../formats/container-config.ts";
import type { ImageHistoryItem, ImageInspect, ImageSummary } from "../formats/docker-api.ts";
import { formatFamiliar } from "../formats/reference.ts";
import type { Catalog, ImageRecord } from "./catalog.ts";
import type { Layers } from "./layers.ts";

/** References as the API gives them, in two lists. */
export function listReferences(catalog: Catalog, id: string): { tags: string[]; digests: string[] } {
  const all = catalog.references.of(id);
  return {
    tags: all.filter(({ digest }) => !digest).map(formatFamiliar),
    digests: all.filter(({ digest }) => digest).map(formatFamiliar),
  };
}

/** `GET /images/{name}/json`. `directories` are those of its layers, topmost first. */
export function inspectImage(
  catalog: Catalog,
  image: ImageRecord,
  directories: readonly string[],
): ImageInspect {
  const { config } = image;
  const { tags, digests } = listReferences(catalog, image.id);
  return {
    Id: image.id,
    RepoTags: tags,
    RepoDigests: digests,
    Parent: catalog.images.has(image.parent) ? image.parent : "",
    Comment: config.comment ?? config.history?.at(-1)?.comment ?? "",
    Created: config.created ?? "",
    DockerVersion: config.docker_version ?? "",
    Author: config.author ?? "",
    Config: encodeConfig({
      ...emptyConfig,
      ...config.config,
    }),
    Architecture: config.architecture,
    ...(config.variant && { Variant: config.variant }),
    Os: config.os,
    Size: image.sizeBytes,
    VirtualSize: image.sizeBytes,
    GraphDriver: { Name: "overlay2", Data: graphData(directories) },
    RootFS: { Type: "layers", Layers: config.rootfs.diff_ids },
    Metadata: { LastTagTime: image.lastTagTime },
  };
}

function graphData(directories: readonly string[]): Record<string, string> {
  const [top, ...below] = directories;
  return { ...(below.length > 0 && { LowerDir: below.join(":") }), ...(top && { UpperDir: top }) };
}

/** One element of `GET /images/json`; `containers` is -1 when not counted. */
export function summarizeImage(catalog: Catalog, image: ImageRecord, containers: number): ImageSummary {
  const { tags, digests } = listReferences(catalog, image.id);
  return {
    Id: image.id,
    ParentId: catalog.images.has(image.parent) ? image.parent : "",
    RepoTags: tags,
    RepoDigests: digests,
    Created: unixSeconds(image.config.created),
    Size: image.sizeBytes,
    SharedSize: -1,
    VirtualSize: image.sizeBytes,
    Labels: image.config.config?.Labels ?? null,
    Containers: containers,
  };
}

/** Bytes of an image's layers that other images have too. */
export function sharedSizeBytes(catalog: Catalog, layers: Layers, image: ImageRecord): number {
  const elsewhere = new Set<string>();
  for (const other of catalog.images.values()) {
    if (other.id !== image.id) for (const chainId of other.layers) elsewhere.add(chainId);
  }
  const shared = image.layers.filter((chainId) => elsewhere.has(chainId));
  return shared.reduce((sum, chainId) => sum + (layers.find(chainId)?.sizeBytes ?? 0), 0);
}

/** `GET /images/{name}/history`: the newest step first. Only the top one, and steps that are images here, have an id. */
export function listHistory(catalog: Catalog, layers: Layers, image: ImageRecord): ImageHistoryItem[] {
  const chain = [...image.layers];
  const items = (image.config.history ?? []).map((entry): ImageHistoryItem => {
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
