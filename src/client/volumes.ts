import type { Volume } from "../formats/docker-api.ts";
import type { PruneResponse } from "../formats/docker-api-system.ts";
import { encodeFilters, type Filters } from "./filters.ts";
import type { Transport } from "./transport.ts";

const at = (name: string) => `/volumes/${encodeURIComponent(name)}`;

export function volumesOf(transport: Transport) {
  return {
    list: (filters?: Filters) =>
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
    prune: (filters?: Filters) =>
      transport.json<PruneResponse>("POST", "/volumes/prune", { query: { filters: encodeFilters(filters) } }),
  };
}
