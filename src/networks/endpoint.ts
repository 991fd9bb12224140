import { randomBytes } from "node:crypto";
import type { EndpointSettings } from "../formats/docker-api/docker-api.ts";
import { endpointShape } from "../formats/docker-api/docker-api-config.ts";
import {
  anyAddress,
  doesContain,
  formatIpAddress,
  formatSubnet,
  type IpAddress,
  parseIpAddress,
  parseSubnet,
  type Subnet,
} from "../formats/ip-address.ts";
import { items, kindOf, required } from "../formats/record-shape.ts";
import { type Decoded, partial, struct, text } from "../formats/shape.ts";
import { bridgeOf } from "./bridge.ts";
import { readInterfaceName } from "./endpoint-options.ts";
import { otherGateway } from "./ipam-config.ts";
import { type NetworkRecord, type Pool, poolOf, poolsOf } from "./records.ts";

const endpointRecordShape = struct("Endpoint", {
  /** 64 hexadecimal digits. */
  id: required(text),
  networkId: required(text),
  sandboxId: required(text),
  /** Name inside, "eth0"; "" where the network gives no interface. */
  interfaceName: text,
  /** "172.17.0.2/16", one of each family at most. */
  addresses: items(text),
  macAddress: text,
  /** Of the link that is its host end: the endpoint's id, or what an earlier version has put there. */
  linkAlias: text,
  /** What other containers can call it. */
  names: items(text),
  /** As the user has asked for it. */
  settings: partial(endpointShape),
});

export type EndpointRecord = Decoded<typeof endpointRecordShape>;

export const endpointKind = kindOf("endpoint", endpointRecordShape);

/** A sandbox's place on one network, with its addresses leased. */
export interface Endpoint {
  readonly id: string;
  readonly network: NetworkRecord;
  readonly interfaceName: string;
  readonly addresses: readonly Subnet[];
  readonly macAddress: string;
  readonly linkAlias: string;
  names: readonly string[];
  readonly settings: EndpointSettings;
  /** False for one that a later network of that name would not have given these addresses. */
  readonly isLeased: boolean;
  /** The host end of its interface; undefined where there is none, or it is unknown. */
  link: string | undefined;
}

export const newEndpointId = () => randomBytes(32).toString("hex");

export function encodeEndpoint(endpoint: Endpoint, sandboxId: string): EndpointRecord {
  const { id, network, interfaceName, addresses, macAddress, linkAlias, names, settings } = endpoint;
  return {
    ...{ id, networkId: network.id, sandboxId, interfaceName, macAddress, linkAlias, settings },
    addresses: addresses.map(formatSubnet),
    names: [...names],
  };
}

/** What was stored: neither leased nor with its link. */
export function decodeEndpoint(record: EndpointRecord, network: NetworkRecord): Endpoint {
  const { id, interfaceName, addresses, macAddress, linkAlias, names, settings } = record;
  return {
    ...{ id, network, interfaceName, macAddress, linkAlias, names, settings, link: undefined },
    isLeased: false,
    addresses: addresses.flatMap((address) => parseSubnet(address) ?? []),
  };
}

export function addressIn({ addresses }: Endpoint, family: 4 | 6): Subnet | undefined {
  return addresses.find(({ address }) => address.family === family);
}

/** The addresses beside those of the network that a user has given it, which lead to neighbours on the link only. */
export function linkLocalsOf({ settings }: Endpoint): Subnet[] {
  return (settings.IPAMConfig?.LinkLocalIPs ?? []).flatMap((text) => {
    const address = parseIpAddress(text);
    return address ? [{ address, prefixLength: address.family === 4 ? 16 : 64 }] : [];
  });
}

/** Where containers send what is not for their own network, from the first of its subnets. */
export function gatewayOf(network: NetworkRecord, family: 4 | 6): IpAddress | undefined {
  return gatewayIn(network, poolOf(network, family), family);
}

/** The same from an endpoint's own subnet. */
export function gatewayFor(endpoint: Endpoint, family: 4 | 6): IpAddress | undefined {
  const { network } = endpoint;
  const own = addressIn(endpoint, family)?.address;
  const pool = own && poolsOf(network, family).find(({ subnet }) => doesContain(subnet, own));
  return gatewayIn(network, pool, family);
}

function gatewayIn(
  { isInternal }: NetworkRecord,
  pool: Pool | undefined,
  family: 4 | 6,
): IpAddress | undefined {
  if (isInternal || !pool) return undefined;
  return otherGateway(pool.auxiliary, family) ?? pool.gateway;
}

/** Where its default route can lead: a gateway, or 0.0.0.0 and :: where all addresses are on its link. */
export function wayOut(endpoint: Endpoint, family: 4 | 6): IpAddress | undefined {
  const { driver, uplink, isInternal } = endpoint.network;
  const isOnLink = driver === "ipvlan" && uplink?.mode !== "l2" && !isInternal;
  if (isOnLink && addressIn(endpoint, family)) return anyAddress(family);
  return gatewayFor(endpoint, family);
}

/**
 * The name that the user has chosen, or the first with the network's prefix that none has: eth0, eth1, …
 * @throws internal for one that it cannot have
 */
export function interfaceNameFor(
  { network, settings }: Pick<Endpoint, "network" | "settings">,
  endpoints: readonly Endpoint[],
): string {
  const prefix = bridgeOf(network)?.interfacePrefix ?? "eth";
  const taken = new Set(endpoints.map(({ interfaceName }) => interfaceName));
  const chosen = readInterfaceName(settings, taken);
  if (chosen) return chosen;
  let number = 0;
  while (taken.has(`${prefix}${number}`)) number++;
  return `${prefix}${number}`;
}

/** What Docker's inspect shows of it. */
export function describeEndpoint(endpoint: Endpoint): EndpointSettings {
  const { id, network, settings, names, macAddress } = endpoint;
  const [ipv4, ipv6] = [addressIn(endpoint, 4), addressIn(endpoint, 6)];
  const gateway = (family: 4 | 6, address: Subnet | undefined) => {
    const found = address && gatewayFor(endpoint, family);
    return found ? formatIpAddress(found) : "";
  };
  return {
    IPAMConfig: settings.IPAMConfig ?? null,
    Links: settings.Links ?? null,
    Aliases: settings.Aliases ?? null,
    MacAddress: macAddress,
    DriverOpts: settings.DriverOpts ?? null,
    GwPriority: settings.GwPriority ?? 0,
    NetworkID: network.id,
    EndpointID: id,
    Gateway: gateway(4, ipv4),
    IPAddress: ipv4 ? formatIpAddress(ipv4.address) : "",
    IPPrefixLen: ipv4?.prefixLength ?? 0,
    IPv6Gateway: gateway(6, ipv6),
    GlobalIPv6Address: ipv6 ? formatIpAddress(ipv6.address) : "",
    GlobalIPv6PrefixLen: ipv6?.prefixLength ?? 0,
    DNSNames: names.length > 0 ? [...names] : null,
  };
}
