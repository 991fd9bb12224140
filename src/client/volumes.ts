import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import type { Volume } from "../formats/docker-api/docker-api.ts";
import type { DiskUsageResponse, PruneResponse } from "../formats/docker-api/docker-api-system.ts";
import { encodeId } from "./encode-id.ts";
import { encodeFilters, type FilterValues } from "./filters.ts";
import type { ApiTransport } from "./transport.ts";

const at = (name: string) => `/volumes/${encodeId("volume", name)}`;

export function volumesOf(transport: ApiTransport) {
  return {
    list: (filters?: FilterValues) =>
      transport.json<{ Volumes: Volume[] | null; Warnings: string[] | null }>("GET", "/volumes", {
        query: { filters: encodeFilters(filters) },
      }),
    inspect: (name: string) => transport.json<Volume>("GET", at(name)),
    create: (body: {
      Name?: string;
      Driver?: string;
      DriverOpts?: Record<string, string>;
      Labels?: Record<string, string>;
    }) => transport.json<Volume>("POST", "/volumes/create", { body }),
    remove: (name: string, options: { force?: boolean } = {}) =>
      transport.json<void>("DELETE", at(name), { query: { force: options.force || undefined } }),
    /** A tar of its content. The caller reads or destroys it. */
    export: (name: string): Promise<IncomingMessage> => transport.stream("GET", `/berth${at(name)}/export`),
    /** A new volume with a tar's content, compressed or not. */
    import: (name: string, tar: Readable, options: { labels?: string[]; opts?: string[] } = {}) =>
      transport.json<Volume>("POST", `/berth${at(name)}/import`, {
        query: { label: options.labels, opt: options.opts },
        stream: tar,
        headers: { "Content-Type": "application/x-tar" },
      }),
    /** A new volume with the same content. */
    clone: (name: string, to: string) =>
      transport.json<Volume>("POST", `/berth${at(name)}/clone`, { query: { to } }),
    rename: (name: string, to: string) =>
      transport.json<void>("POST", `/berth${at(name)}/rename`, { query: { name: to } }),
    /** With `UsageData` where the content is on that machine. */
    measure: async (): Promise<Volume[]> => {
      const query = { type: "volume" };
      return (await transport.json<DiskUsageResponse>("GET", "/system/df", { query })).Volumes ?? [];
    },
    prune: (filters?: FilterValues) =>
      transport.json<PruneResponse>("POST", "/volumes/prune", { query: { filters: encodeFilters(filters) } }),
  };
}
