import { invalid } from "../errors.ts";
import { isObject } from "../formats/json.ts";

/** One element of a docker-archive's `manifest.json`. */
export interface ArchivedImage {
  config: string;
  repoTags: string[];
  layers: string[];
}

/** @throws invalid */
export function parseArchiveManifest(text: string): ArchivedImage[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalid("invalid archive: manifest.json is not JSON", error);
  }
  if (!Array.isArray(value)) throw invalid("invalid archive: manifest.json is not a list");
  return value.map((item: unknown) => {
    if (!isObject(item) || typeof item.Config !== "string" || !isStringList(item.Layers ?? [])) {
      throw invalid("invalid archive: manifest.json names no config or layers");
    }
    const tags = item.RepoTags ?? [];
    if (!isStringList(tags)) throw invalid("invalid archive: manifest.json has invalid tags");
    return { config: item.Config, repoTags: tags, layers: (item.Layers ?? []) as string[] };
  });
}

function isStringList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}
