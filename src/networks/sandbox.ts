import { randomBytes } from "node:crypto";
import type { EndpointSettings, PortMap } from "../formats/docker-api/docker-api.ts";
import { portMapShape } from "../formats/docker-api/docker-api-config.ts";
import { items, kindOf, oneOf, required } from "../formats/record-shape.ts";
import { type Decoded, flag, type Shape, struct, text } from "../formats/shape.ts";
import type { State } from "../state/state.ts";
import {
  describeEndpoint,
  type Endpoint,
  type EndpointRecord,
  encodeEndpoint,
  endpointKind,
} from "./endpoint.ts";
import { electGateway } from "./gateway.ts";
import type { NetnsProcess } from "./live-netns.ts";
import { findTargets, type Publishing, type PublishTargets } from "./publish-targets.ts";

const ports: Shape<PortMap> = { ...(portMapShape as Shape<PortMap>), zero: () => ({}) };

const ownerShape = struct("Owner", { kind: required(oneOf("container", "build")), id: required(text) });

const linkShape = struct("Link", {
  /** Whom it is linked to. */
  ownerId: required(text),
  /** "5432/tcp" and ranges of them, which the other exposes. */
  ports: items(text),
});

/** Another owner, whose exposed ports one reaches also where owners do not reach each other. */
export type SandboxLink = Decoded<typeof linkShape>;

const sandboxShape = struct("Sandbox", {
  /** 64 hexadecimal digits. */
  id: required(text),
  owner: required(ownerShape),
  /** Ids, in the order in which they were joined. */
  endpoints: items(text),
  /** Ids of those that are being joined or left. */
  passing: items(text),
  /** Id of the one that the default route goes through and ports are published on; "" for none. */
  gateway: text,
  /** The same for IPv6. */
  gateway6: text,
  /** What was really bound; null for what is exposed only. */
  ports,
  /** It asks for names at 127.0.0.11. */
  hasResolver: flag,
  /** Its own name servers; none for the machine's. */
  nameServers: items(text),
  /** It was said how many dots a name must have to be asked for as it is. */
  hasNdots: flag,
  links: items(linkShape),
});

type SandboxRecord = Decoded<typeof sandboxShape>;

export const sandboxKind = kindOf("sandbox", sandboxShape);

/** What a network namespace was made for. */
export type SandboxOwner = Decoded<typeof ownerShape>;

/** A network namespace with all that it has of the networks. */
export interface OpenSandbox {
  readonly id: string;
  readonly owner: SandboxOwner;
  endpoints: Endpoint[];
  /** Those that it is joining, which are among its endpoints, or leaving. A daemon that finds one stored takes it away. */
  passing: Endpoint[];
  /** Id of the endpoint that the default route goes through and ports are published on; "" for none. */
  gateway: string;
  /** The same for IPv6. */
  gateway6: string;
  ports: PortMap;
  /** Its names are answered at 127.0.0.11, in its namespace. */
  hasResolver: boolean;
  readonly nameServers: string[];
  readonly hasNdots: boolean;
  links: SandboxLink[];
  /** One that runs in it; undefined before there is one, and as long as it is not known. */
  process: NetnsProcess | undefined;
  /** From `open` to `release`: until then no owner runs with it. */
  isStarting: boolean;
  /** It is being connected or disconnected. */
  isChanging: boolean;
  /** An earlier daemon was killed before its routes and ports followed its endpoints. */
  isUnsettled: boolean;
}

/** A sandbox as others see it. */
export interface SandboxView {
  id: string;
  /** By network name. */
  endpoints: Record<string, EndpointSettings>;
  ports: PortMap;
  /** It asks for names at 127.0.0.11. */
  hasResolver: boolean;
}

export const newSandboxId = () => randomBytes(32).toString("hex");

export function viewSandbox({ id, endpoints, ports, hasResolver }: OpenSandbox): SandboxView {
  const described = endpoints.map((endpoint) => [endpoint.network.name, describeEndpoint(endpoint)]);
  return { id, endpoints: Object.fromEntries(described), ports, hasResolver };
}

export function targetsOf(
  { endpoints, gateway, gateway6 }: OpenSandbox,
  publishing: Publishing,
): PublishTargets {
  const gatewayIds = { 4: gateway, 6: gateway6 };
  return findTargets(
    endpoints,
    (family) => endpoints.find(({ id }) => id === gatewayIds[family]),
    publishing,
  );
}

/** Also those that are on their way in or out, whose addresses and records are there. */
export const allEndpoints = ({ endpoints, passing }: Pick<OpenSandbox, "endpoints" | "passing">) => [
  ...new Set([...endpoints, ...passing]),
];

/** Whether ports of this machine could lead to it: on other networks, nothing is said of ports. */
export const canPublish = ({ endpoints }: Pick<OpenSandbox, "endpoints">) =>
  endpoints.some(({ network, addresses }) => network.bridge && addresses.length > 0);

/** Elects the gateways of these endpoints, by family. */
export function electGateways(endpoints: readonly Endpoint[]): Pick<OpenSandbox, "gateway" | "gateway6"> {
  return { gateway: electGateway(endpoints, 4)?.id ?? "", gateway6: electGateway(endpoints, 6)?.id ?? "" };
}

interface StoredSandbox {
  sandbox: SandboxRecord;
  endpoints: EndpointRecord[];
  passing: EndpointRecord[];
}

/** The records of sandboxes and of their endpoints. */
export interface SandboxStore {
  /** Endpoints that no sandbox has, which a killed daemon leaves, are removed. */
  load(): StoredSandbox[];
  /** A full disk prevents no start: what cannot be stored now is stored later. */
  put(sandbox: OpenSandbox): void;
  delete(sandbox: OpenSandbox): void;
  deleteEndpoint(id: string): void;
}

export function openSandboxStore(state: State): SandboxStore {
  const sandboxes = state.records(sandboxKind);
  const endpoints = state.records(endpointKind);
  return {
    load() {
      const byId = endpoints.load();
      const find = (ids: readonly string[] = []) => ids.flatMap((id) => byId.get(id) ?? []);
      const found = [...sandboxes.load().values()].map((sandbox) => ({
        ...{ sandbox, endpoints: find(sandbox.endpoints), passing: find(sandbox.passing) },
      }));
      const wanted = new Set(
        found.flatMap(({ endpoints: joined, passing }) => [...joined, ...passing].map(({ id }) => id)),
      );
      for (const id of byId.keys()) if (!wanted.has(id)) endpoints.deleteSoon(id);
      return found;
    },
    put(sandbox) {
      const { id, owner, gateway, gateway6, passing, hasResolver, nameServers, hasNdots, links } = sandbox;
      for (const endpoint of allEndpoints(sandbox))
        endpoints.putSoon(endpoint.id, encodeEndpoint(endpoint, id));
      const joined = sandbox.endpoints.filter((endpoint) => !passing.includes(endpoint));
      sandboxes.putSoon(id, {
        ...{ id, owner, gateway, gateway6, ports: sandbox.ports, hasResolver, nameServers, hasNdots, links },
        ...{ endpoints: joined.map(idOf), passing: passing.map(idOf) },
      });
    },
    deleteEndpoint: (id) => endpoints.deleteSoon(id),
    delete(sandbox) {
      sandboxes.deleteSoon(sandbox.id);
      for (const { id } of allEndpoints(sandbox)) endpoints.deleteSoon(id);
    },
  };
}

const idOf = ({ id }: Endpoint) => id;
