import { invalid } from "../../errors.ts";
import { isDigest } from "../../formats/digest.ts";
import { layerLimit } from "../../formats/image-config.ts";
import { isObject } from "../../formats/json.ts";

/** One element of a docker-archive's `manifest.json`. */
export interface ArchivedImage {
  config: string;
  repoTags: string[];
  layers: string[];
  /** The digest of the config of the image that it was committed from, when the archive has that as well. */
  parent?: string;
}

const mostImages = 10_000;

/** @throws invalid */
export function parseArchiveManifest(text: string): ArchivedImage[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalid("invalid archive: manifest.json is not JSON", error);
  }
  if (!Array.isArray(value)) throw invalid("invalid archive: manifest.json is not a list");
  if (value.length > mostImages) throw invalid("invalid archive: manifest.json lists too many images");
  return value.map((item: unknown) => {
    if (!isObject(item) || typeof item.Config !== "string" || !isStringList(item.Layers ?? [])) {
      throw invalid("invalid archive: manifest.json names no config or layers");
    }
    const tags = item.RepoTags ?? [];
    if (!isStringList(tags)) throw invalid("invalid archive: manifest.json has invalid tags");
    const layers = (item.Layers ?? []) as string[];
    if (layers.length > layerLimit) throw invalid("max depth exceeded");
    const parent = typeof item.Parent === "string" && isDigest(item.Parent) ? item.Parent : undefined;
    return { config: item.Config, repoTags: tags, layers, ...(parent && { parent }) };
  });
}

function isStringList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}
