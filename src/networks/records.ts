import { randomBytes } from "node:crypto";
import { type IpAddress, ipAddress, parseSubnet, type Subnet } from "../formats/ip-address.ts";
import { entries, items, kindOf, oneOf, required } from "../formats/record-shape.ts";
import {
  type Decoded,
  flag,
  integer,
  mapOf,
  nullable,
  optional,
  struct,
  text,
  textOf,
} from "../formats/shape.ts";

const bridgeShape = struct("Bridge", {
  /** Name of the link, up to 15 characters. */
  link: required(textOf(15)),
  mtu: required(integer("int")),
  /** The link was there before the network, and stays after it. */
  isForeign: flag,
});

const poolShape = struct("Pool", {
  /** "172.17.0.0/16" */
  subnet: required(text),
  /** In it; "" for none. */
  gateway: text,
  /** The part of it that addresses are taken from; "" for all. */
  range: text,
  /** Addresses that no container gets, by the names that the user gave them. */
  auxiliary: entries(text),
});

export type PoolRecord = Decoded<typeof poolShape>;

const networkShape = struct("Network", {
  id: required(text),
  name: required(text),
  /** RFC 3339. */
  created: text,
  driver: required(oneOf("bridge", "host", "null")),
  /** Any word of the user's; "local" is the only one that means something. */
  scope: { ...text, zero: () => "local" },
  hasIpv4: { ...flag, zero: () => true },
  hasIpv6: flag,
  isInternal: flag,
  isAttachable: flag,
  /** It is the pattern of others: no container can join it. */
  isConfigOnly: flag,
  /** Name of the network that it is made after; "" for none. */
  configFrom: text,
  options: entries(text),
  labels: entries(text),
  ipamDriver: { ...text, zero: () => "default" },
  ipamOptions: nullable(mapOf(text)),
  /** The subnets that its addresses are from. */
  ipam: items(poolShape),
  /** Of driver "bridge" only. */
  bridge: optional(bridgeShape),
  /** The subnet was chosen by the engine. */
  hasDefaultSubnet: flag,
});

/** A network as it is stored. */
export type NetworkRecord = Decoded<typeof networkShape>;

export const networkKind = kindOf("network", networkShape);

/** A subnet of a network. */
export interface Pool {
  subnet: Subnet;
  /** This machine's address in it. */
  gateway: IpAddress | undefined;
  /** The part of it that addresses are taken from. */
  range: Subnet | undefined;
  /** Addresses that no container gets. */
  auxiliary: ReadonlyMap<string, IpAddress>;
}

/** @throws RangeError for a damaged record */
export function decodePool({ subnet, gateway, range, auxiliary }: PoolRecord): Pool {
  return {
    subnet: parseStored(subnet),
    gateway: gateway === "" ? undefined : ipAddress(gateway),
    range: range === "" ? undefined : parseStored(range),
    auxiliary: new Map(Object.entries(auxiliary).map(([name, address]) => [name, ipAddress(address)])),
  };
}

function parseStored(text: string): Subnet {
  const subnet = parseSubnet(text);
  if (!subnet) throw new RangeError(`${text} is not a subnet`);
  return subnet;
}

/** The subnet of a family, where the network has addresses of that family. */
export function poolOf(network: NetworkRecord, family: 4 | 6): Pool | undefined {
  if (network.isConfigOnly || !(family === 4 ? network.hasIpv4 : network.hasIpv6)) return undefined;
  return network.ipam.map(decodePool).find(({ subnet }) => subnet.address.family === family);
}

/** All subnets that a network has addresses of. */
export function poolsOf(network: NetworkRecord): Pool[] {
  return ([4, 6] as const).flatMap((family) => poolOf(network, family) ?? []);
}

/** Of a network that is there by itself. */
export const isPredefined = (name: string) => ["bridge", "host", "none"].includes(name);

export const newNetworkId = () => randomBytes(32).toString("hex");

/** A network of the user's choice as far as nothing is said. */
export function newBareNetwork(name: string, driver: NetworkRecord["driver"]): NetworkRecord {
  return networkKind.read({ id: newNetworkId(), name, driver, created: new Date().toISOString() });
}
