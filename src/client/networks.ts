import type { EndpointSettings, NetworkInspect } from "../formats/docker-api/docker-api.ts";
import type { PruneResponse } from "../formats/docker-api/docker-api-system.ts";
import { encodeId } from "./encode-id.ts";
import { encodeFilters, type FilterValues } from "./filters.ts";
import type { ApiTransport } from "./transport.ts";

/** Body of `POST /networks/create`. */
export interface NewNetwork {
  Name: string;
  Driver?: string;
  Scope?: string;
  EnableIPv4?: boolean | undefined;
  EnableIPv6?: boolean | undefined;
  Internal?: boolean;
  Attachable?: boolean;
  Ingress?: boolean;
  ConfigOnly?: boolean;
  ConfigFrom?: { Network: string } | undefined;
  IPAM?: {
    Driver: string;
    Config: {
      Subnet?: string;
      IPRange?: string;
      Gateway?: string;
      AuxiliaryAddresses?: Record<string, string>;
    }[];
    Options: Record<string, string>;
  };
  Options?: Record<string, string>;
  Labels?: Record<string, string>;
}

const at = (id: string) => `/networks/${encodeId("network", id)}`;

export function networksOf(transport: ApiTransport) {
  return {
    list: (filters?: FilterValues) =>
      transport.json<NetworkInspect[]>("GET", "/networks", { query: { filters: encodeFilters(filters) } }),
    inspect: (id: string, options: { verbose?: boolean } = {}) =>
      transport.json<NetworkInspect>("GET", at(id), { query: { verbose: options.verbose || undefined } }),
    create: (body: NewNetwork) =>
      transport.json<{ Id: string; Warning: string }>("POST", "/networks/create", { body }),
    connect: (id: string, body: { Container: string; EndpointConfig?: EndpointSettings }) =>
      transport.json<void>("POST", `${at(id)}/connect`, { body }),
    disconnect: (id: string, body: { Container: string; Force: boolean }) =>
      transport.json<void>("POST", `${at(id)}/disconnect`, { body }),
    remove: (id: string) => transport.json<void>("DELETE", at(id)),
    prune: (filters?: FilterValues) =>
      transport.json<PruneResponse>("POST", "/networks/prune", {
        query: { filters: encodeFilters(filters) },
      }),
  };
}
