import type {
  CheckFinding,
  DiskUsageResponse,
  EngineProcess,
  EventMessage,
  InfoResponse,
  PruneResponse,
  VersionResponse,
} from "../formats/docker-api/docker-api-system.ts";
import { encodeFilters, type FilterValues } from "./filters.ts";
import { readJsonLines, splitLines } from "./json-lines.ts";
import type { ApiTransport } from "./transport.ts";

export interface EventsOptions {
  since?: string | undefined;
  until?: string | undefined;
  filters?: FilterValues;
  signal?: AbortSignal;
}

export function systemOf(transport: ApiTransport) {
  return {
    version: () => transport.json<VersionResponse>("GET", "/version"),
    info: () => transport.json<InfoResponse>("GET", "/info"),
    /** Headers of the answer: api-version, ostype, builder-version, … */
    ping: async () => (await transport.head("/_ping")).headers,
    /** The engine tries it and keeps nothing. @param auth Docker's AuthConfig */
    login: (auth: object) =>
      transport.json<{ Status: string; IdentityToken?: string }>("POST", "/auth", { body: auth }),
    /** @param type the one part that is asked for */
    diskUsage: (type?: "build-cache") =>
      transport.json<DiskUsageResponse>("GET", "/system/df", { query: { type } }),
    /** Compares the engine's records with what there is; with `repair` makes right what can be. */
    check: ({ repair = false } = {}) =>
      repair
        ? transport.json<CheckFinding[]>("POST", "/berth/system/repair")
        : transport.json<CheckFinding[]>("GET", "/berth/system/check"),
    /** Ends the daemon, soon after the answer; with `containers` they are stopped first. @returns which process that is */
    stopEngine: ({ containers = false } = {}) =>
      transport.json<EngineProcess | undefined>("POST", "/berth/system/stop", {
        query: { containers: containers || undefined },
      }),
    pruneBuilds: (options: { all?: boolean; filters?: FilterValues; keepBytes?: number } = {}) =>
      transport.json<PruneResponse>("POST", "/build/prune", {
        query: {
          all: options.all || undefined,
          filters: encodeFilters(options.filters),
          "keep-storage": options.keepBytes || undefined,
        },
      }),
    /** Endless without `until`; break out of the loop, or abort, to end it. */
    events: async (options: EventsOptions = {}): Promise<AsyncGenerator<EventMessage>> =>
      readJsonLines<EventMessage>(await openEvents(transport, options)),
    /** The same as text: `timeNano` is more than a number of JavaScript holds. */
    eventLines: async (options: EventsOptions = {}): Promise<AsyncGenerator<string>> =>
      splitLines(await openEvents(transport, options)),
  };
}

function openEvents(transport: ApiTransport, { since, until, filters, signal }: EventsOptions) {
  return transport.stream("GET", "/events", {
    query: { since, until, filters: encodeFilters(filters) },
    signal,
  });
}
