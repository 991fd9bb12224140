import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import type {
  ImageDeleteItem,
  ImageHistoryItem,
  ImageInspect,
  ImageSummary,
  ProgressMessage,
} from "../formats/docker-api.ts";
import type { SearchResult } from "../formats/docker-api-image.ts";
import type { PruneResponse } from "../formats/docker-api-system.ts";
import { encodeImageName } from "./encode-name.ts";
import { encodeFilters, type Filters } from "./filters.ts";
import { readJsonLines } from "./json-lines.ts";
import type { Query, Transport } from "./transport.ts";

const at = (name: string) => `/images/${encodeImageName(name)}`;

export function imagesOf(transport: Transport) {
  const progress = async (path: string, query: Query, stream?: Readable, headers?: Record<string, string>) =>
    readJsonLines<ProgressMessage>(
      await transport.stream("POST", path, { query, stream, ...(headers !== undefined && { headers }) }),
    );
  return {
    list: (options: { all?: boolean; digests?: boolean; sharedSize?: boolean; filters?: Filters } = {}) =>
      transport.json<ImageSummary[]>("GET", "/images/json", {
        query: {
          all: options.all || undefined,
          digests: options.digests || undefined,
          "shared-size": options.sharedSize || undefined,
          filters: encodeFilters(options.filters),
        },
      }),
    inspect: (name: string, options: { platform?: string | undefined } = {}) =>
      transport.json<ImageInspect>("GET", `${at(name)}/json`, { query: options }),
    history: (name: string, options: { platform?: string | undefined } = {}) =>
      transport.json<ImageHistoryItem[]>("GET", `${at(name)}/history`, { query: options }),
    tag: (name: string, target: { repo: string; tag?: string | undefined }) =>
      transport.json<void>("POST", `${at(name)}/tag`, { query: target }),
    remove: (name: string, options: { force?: boolean; noPrune?: boolean; platforms?: string[] } = {}) =>
      transport.json<ImageDeleteItem[]>("DELETE", at(name), {
        query: {
          force: options.force || undefined,
          noprune: options.noPrune || undefined,
          platforms: options.platforms,
        },
      }),
    prune: (filters?: Filters) =>
      transport.json<PruneResponse>("POST", "/images/prune", { query: { filters: encodeFilters(filters) } }),
    save: (names: string[], options: { platform?: string[] } = {}): Promise<IncomingMessage> =>
      transport.stream("GET", "/images/get", { query: { names, platform: options.platform } }),
    /** Errors come in the messages: the status is 200 by then. */
    load: (tar: Readable, options: { quiet?: boolean; platform?: string[] } = {}) =>
      progress("/images/load", { quiet: options.quiet ?? false, platform: options.platform }, tar, {
        "Content-Type": "application/x-tar",
      }),
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
      progress(`${at(name)}/push`, { tag: options.tag, platform: options.platform }, undefined, {
        "X-Registry-Auth": options.auth ?? "e30=",
      }),
    search: (options: {
      term: string;
      limit?: number | undefined;
      filters?: Filters;
      auth?: string | undefined;
    }) =>
      transport.json<SearchResult[]>("GET", "/images/search", {
        query: { term: options.term, limit: options.limit, filters: encodeFilters(options.filters) },
        ...(options.auth !== undefined && { headers: { "X-Registry-Auth": options.auth } }),
      }),
    /** This engine only: builds a base image on the spot. */
    make: (name: string) => progress("/berth/images/make", { name }),
  };
}
