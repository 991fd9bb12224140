import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import type {
  ImageDeleteItem,
  ImageHistoryItem,
  ImageInspect,
  ImageSummary,
  ProgressMessage,
} from "../formats/docker-api/docker-api.ts";
import type { SearchResult } from "../formats/docker-api/docker-api-image.ts";
import type { ImageAnalysis, LayerEntry } from "../formats/docker-api/docker-api-layers.ts";
import type { PruneResponse } from "../formats/docker-api/docker-api-system.ts";
import { parsePlatform } from "../formats/platform.ts";
import { encodeImageName } from "./encode-name.ts";
import { encodeFilters, type FilterValues } from "./filters.ts";
import { readJsonLines } from "./json-lines.ts";
import type { ApiTransport, Query } from "./transport.ts";

const at = (name: string) => `/images/${encodeImageName(name)}`;

/** "linux/arm64" as most operations on images want it. @throws EngineError invalid */
const encodePlatform = (text: string) => JSON.stringify(parsePlatform(text));

export function imagesOf(transport: ApiTransport) {
  return {
    ...transfersOf(transport),
    ...layersOf(transport),
    list: (
      options: {
        all?: boolean;
        digests?: boolean;
        manifests?: boolean;
        sharedSize?: boolean;
        filters?: FilterValues;
      } = {},
    ) =>
      transport.json<ImageSummary[]>("GET", "/images/json", {
        query: {
          all: options.all || undefined,
          digests: options.digests || undefined,
          manifests: options.manifests || undefined,
          "shared-size": options.sharedSize || undefined,
          filters: encodeFilters(options.filters),
        },
      }),
    inspect: (name: string, options: { platform?: string | undefined } = {}) =>
      transport.json<ImageInspect>("GET", `${at(name)}/json`, {
        query: { platform: options.platform && encodePlatform(options.platform) },
      }),
    history: (name: string, { platform }: { platform?: string | undefined } = {}) =>
      transport.json<ImageHistoryItem[]>("GET", `${at(name)}/history`, {
        query: { platform: platform && encodePlatform(platform) },
      }),
    tag: (name: string, target: { repo: string; tag?: string | undefined }) =>
      transport.json<void>("POST", `${at(name)}/tag`, { query: target }),
    remove: (name: string, options: { force?: boolean; noPrune?: boolean; platforms?: string[] } = {}) =>
      transport.json<ImageDeleteItem[]>("DELETE", at(name), {
        query: {
          force: options.force || undefined,
          noprune: options.noPrune || undefined,
          platforms: options.platforms?.map(encodePlatform),
        },
      }),
    prune: (filters?: FilterValues) =>
      transport.json<PruneResponse>("POST", "/images/prune", { query: { filters: encodeFilters(filters) } }),
    search: (options: {
      term: string;
      limit?: number | undefined;
      filters?: FilterValues;
      auth?: string | undefined;
    }) =>
      transport.json<SearchResult[]>("GET", "/images/search", {
        query: { term: options.term, limit: options.limit, filters: encodeFilters(options.filters) },
        ...(options.auth !== undefined && { headers: { "X-Registry-Auth": options.auth } }),
      }),
  };
}

/** This engine only: what is in an image's layers, the base being number 0. */
function layersOf(transport: ApiTransport) {
  const below = (name: string) => `/berth${at(name)}/layers`;
  const query = ({ platform }: { platform?: string | undefined }) => ({
    platform: platform && encodePlatform(platform),
  });
  return {
    /** What each layer does, and which bytes of them the image does not show. */
    analyze: (name: string, options: { platform?: string | undefined } = {}) =>
      transport.json<ImageAnalysis>("GET", below(name), { query: query(options) }),
    layerEntries: async (name: string, layer: number, options: { platform?: string | undefined } = {}) =>
      readJsonLines<LayerEntry>(
        await transport.stream("GET", `${below(name)}/${layer}/entries`, { query: query(options) }),
      ),
    /** A file's bytes as the layers up to this one show it. */
    readLayeredFile: (
      name: string,
      file: { layer: number; path: string; platform?: string | undefined },
    ): Promise<IncomingMessage> =>
      transport.stream("GET", `${below(name)}/${file.layer}/file`, {
        query: { path: file.path, ...query(file) },
      }),
  };
}

/** What moves images and reports its progress. */
function transfersOf(transport: ApiTransport) {
  const progress = async (path: string, query: Query, stream?: Readable, headers?: Record<string, string>) =>
    readJsonLines<ProgressMessage>(
      await transport.stream("POST", path, { query, stream, ...(headers !== undefined && { headers }) }),
    );
  return {
    save: (names: string[], options: { platform?: string[] } = {}): Promise<IncomingMessage> =>
      transport.stream("GET", "/images/get", {
        query: { names, platform: options.platform?.map(encodePlatform) },
      }),
    /** Errors come in the messages: the status is 200 by then. */
    load: (tar: Readable, options: { quiet?: boolean; platform?: string[] } = {}) =>
      progress(
        "/images/load",
        { quiet: options.quiet ?? false, platform: options.platform?.map(encodePlatform) },
        tar,
        { "Content-Type": "application/x-tar" },
      ),
    import: (
      source: { url: string } | { tar: Readable },
      options: {
        repo?: string | undefined;
        tag?: string | undefined;
        message?: string;
        changes?: string[];
        platform?: string | undefined;
      },
    ) =>
      progress(
        "/images/create",
        { fromSrc: "url" in source ? source.url : "-", ...options, message: options.message || undefined },
        "tar" in source ? source.tar : undefined,
        "tar" in source ? { "Content-Type": "application/x-tar" } : undefined,
      ),
    pull: (options: {
      fromImage: string;
      tag?: string | undefined;
      platform?: string | undefined;
      auth?: string | undefined;
    }) =>
      progress(
        "/images/create",
        { fromImage: options.fromImage, tag: options.tag, platform: options.platform },
        undefined,
        options.auth === undefined ? undefined : { "X-Registry-Auth": options.auth },
      ),
    push: (
      name: string,
      options: { tag?: string | undefined; platform?: string | undefined; auth?: string | undefined },
    ) =>
      progress(
        `${at(name)}/push`,
        { tag: options.tag, platform: options.platform && encodePlatform(options.platform) },
        undefined,
        { "X-Registry-Auth": options.auth ?? "e30=" },
      ),
    /** This engine only: builds a base image on the spot. */
    make: (name: string) => progress("/berth/images/make", { name }),
  };
}
