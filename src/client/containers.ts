import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import type {
  ContainerCreateRequest,
  ContainerInspect,
  ContainerSummary,
  PortMap,
  Resources,
  RestartPolicy,
} from "../formats/docker-api/docker-api.ts";
import type {
  PathStat,
  PruneResponse,
  StatsResponse,
  WaitResponse,
} from "../formats/docker-api/docker-api-system.ts";
import { checkId, encodeId } from "./encode-id.ts";
import { encodeFilters, type FilterValues } from "./filters.ts";
import { readJsonLines } from "./json-lines.ts";
import { type ApiTransport, readText } from "./transport.ts";

export interface ContainerStartOptions {
  detachKeys?: string | undefined;
  checkpoint?: string | undefined;
  "checkpoint-dir"?: string | undefined;
}

/** "8080" of "127.0.0.1", or of any address without. */
export interface PortOfHost {
  HostIp?: string;
  HostPort: string;
  /** "tcp" without. */
  Protocol?: string;
}

export interface ListContainersOptions {
  all?: boolean;
  limit?: number | undefined;
  size?: boolean;
  brief?: boolean;
  filters?: FilterValues;
}

export interface AttachOptions {
  stdin?: boolean;
  stdout?: boolean;
  stderr?: boolean;
  /** With the output that was written before. */
  logs?: boolean;
  detachKeys?: string | undefined;
}

export interface LogsOptions {
  follow?: boolean;
  stdout?: boolean;
  stderr?: boolean;
  /** RFC 3339 or Unix seconds with an optional fraction. */
  since?: string | undefined;
  until?: string | undefined;
  timestamps?: boolean;
  tail?: string;
  details?: boolean;
}

export type WaitCondition = "not-running" | "next-exit" | "removed";
export type ContainerUpdate = Partial<Resources> & { RestartPolicy?: RestartPolicy };

const at = (id: string) => `/containers/${encodeId("container", id)}`;

export function containersOf(transport: ApiTransport) {
  return {
    ...recordsOf(transport),
    ...runsOf(transport),
    ...streamsOf(transport),
    ...filesOf(transport),
  };
}

/** What there is: found, made, changed, removed. */
function recordsOf(transport: ApiTransport) {
  return {
    /** @param options `brief`: the engine may leave out what `ps` does not show; one other than berth leaves out nothing */
    list: (options: ListContainersOptions = {}) =>
      transport.json<ContainerSummary[]>("GET", "/containers/json", {
        query: {
          ...options,
          all: options.all || undefined,
          size: options.size || undefined,
          brief: options.brief || undefined,
          filters: encodeFilters(options.filters),
        },
      }),
    create: (
      body: ContainerCreateRequest,
      options: { name?: string | undefined; platform?: string | undefined } = {},
    ) =>
      transport.json<{ Id: string; Warnings: string[] | null }>("POST", "/containers/create", {
        query: options,
        body,
      }),
    inspect: (id: string, options: { size?: boolean } = {}) =>
      transport.json<ContainerInspect>("GET", `${at(id)}/json`, {
        query: { size: options.size || undefined },
      }),
    rename: (id: string, name: string) =>
      transport.json<void>("POST", `${at(id)}/rename`, { query: { name } }),
    update: (id: string, body: ContainerUpdate) =>
      transport.json<{ Warnings: string[] | null }>("POST", `${at(id)}/update`, { body }),
    /** Publishes ports and takes others away, of a running container at once. An engine other than berth has no such operation. */
    changePorts: (id: string, body: { Publish?: PortMap; Unpublish?: PortOfHost[] }) =>
      transport.json<void>("POST", `/berth${at(id)}/ports`, { body }),
    remove: (id: string, options: { force?: boolean; volumes?: boolean; link?: boolean } = {}) =>
      transport.json<void>("DELETE", at(id), {
        query: {
          force: options.force || undefined,
          v: options.volumes || undefined,
          link: options.link || undefined,
        },
      }),
    prune: (filters?: FilterValues) =>
      transport.json<PruneResponse>("POST", "/containers/prune", {
        query: { filters: encodeFilters(filters) },
      }),
    commit: (query: {
      container: string;
      repo?: string;
      tag?: string;
      comment?: string;
      author?: string;
      pause?: boolean;
      changes?: string[];
    }) => {
      checkId("container", query.container);
      return transport.json<{ Id: string }>("POST", "/commit", { query, body: {} });
    },
  };
}

/** How it runs. */
function runsOf(transport: ApiTransport) {
  return {
    /** True when it was started, false when it ran already. */
    async start(id: string, options: ContainerStartOptions = {}): Promise<boolean> {
      const response = await transport.stream("POST", `${at(id)}/start`, { query: { ...options } });
      response.resume();
      return response.statusCode !== 304;
    },
    stop: (id: string, options: { signal?: string | undefined; timeoutSeconds?: number | undefined } = {}) =>
      transport.json<void>("POST", `${at(id)}/stop`, {
        query: { signal: options.signal, t: options.timeoutSeconds },
      }),
    restart: (
      id: string,
      options: { signal?: string | undefined; timeoutSeconds?: number | undefined } = {},
    ) =>
      transport.json<void>("POST", `${at(id)}/restart`, {
        query: { signal: options.signal, t: options.timeoutSeconds },
      }),
    kill: (id: string, signal?: string) =>
      transport.json<void>("POST", `${at(id)}/kill`, { query: { signal } }),
    pause: (id: string) => transport.json<void>("POST", `${at(id)}/pause`),
    unpause: (id: string) => transport.json<void>("POST", `${at(id)}/unpause`),
    /** Resolves when the daemon has taken note, so that no exit can be missed; `exit` resolves when it happens. */
    async wait(
      id: string,
      condition: WaitCondition = "not-running",
    ): Promise<{ exit: Promise<WaitResponse> }> {
      const response = await transport.stream("POST", `${at(id)}/wait`, { query: { condition } });
      const exit = readText(response).then((text): WaitResponse => JSON.parse(text));
      exit.catch(() => undefined);
      return { exit };
    },
    top: (id: string, psArguments?: string) =>
      transport.json<{ Titles: string[]; Processes: string[][] }>("GET", `${at(id)}/top`, {
        query: { ps_args: psArguments },
      }),
  };
}

/** What goes on between it and a client while it runs. */
function streamsOf(transport: ApiTransport) {
  return {
    attach: (id: string, options: AttachOptions) =>
      transport.hijack(`${at(id)}/attach`, { query: { stream: true, ...options } }),
    resize: (id: string, size: { rows: number; columns: number }) =>
      transport.json<void>("POST", `${at(id)}/resize`, { query: { h: size.rows, w: size.columns } }),
    logs: (id: string, options: LogsOptions): Promise<IncomingMessage> =>
      transport.stream("GET", `${at(id)}/logs`, { query: { ...options } }),
    /** One object with `stream: false`, one per second otherwise. */
    async stats(id: string, options: { stream: boolean; oneShot?: boolean }) {
      const query = { stream: options.stream, "one-shot": options.oneShot || undefined };
      return readJsonLines<StatsResponse>(await transport.stream("GET", `${at(id)}/stats`, { query }));
    },
  };
}

function filesOf(transport: ApiTransport) {
  return {
    changes: (id: string) =>
      transport.json<{ Path: string; Kind: 0 | 1 | 2 }[] | null>("GET", `${at(id)}/changes`),
    export: (id: string): Promise<IncomingMessage> => transport.stream("GET", `${at(id)}/export`),
    statPath: async (id: string, path: string): Promise<PathStat> =>
      decodePathStat(await transport.head(`${at(id)}/archive`, { query: { path } })),
    /** A tar of the file or folder; the caller reads it to its end. */
    async readArchive(id: string, path: string): Promise<{ stat: PathStat; tar: IncomingMessage }> {
      const tar = await transport.stream("GET", `${at(id)}/archive`, { query: { path } });
      return { stat: decodePathStat(tar), tar };
    },
    writeArchive: (
      id: string,
      path: string,
      tar: Readable,
      options: { noOverwriteDirNonDir?: boolean; copyUIDGID?: boolean } = {},
    ) =>
      transport.json<void>("PUT", `${at(id)}/archive`, {
        query: {
          path,
          noOverwriteDirNonDir: options.noOverwriteDirNonDir,
          copyUIDGID: options.copyUIDGID || undefined,
        },
        headers: { "Content-Type": "application/x-tar" },
        stream: tar,
      }),
  };
}

function decodePathStat(response: IncomingMessage): PathStat {
  const header = String(response.headers["x-docker-container-path-stat"] ?? "");
  return JSON.parse(Buffer.from(header, "base64").toString());
}
