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

const uplinkShape = struct("Uplink", {
  /** Name of the link that its containers' interfaces are parts of. */
  parent: required(textOf(15)),
  /** What the engine makes the parent as, and takes away with the last network on it; "" for one of the machine's own. */
  made: oneOf("", "detached", "vlan"),
  /** "bridge", "l2", … */
  mode: required(text),
  /** Of driver "ipvlan": "bridge", "private" or "vepa". */
  flag: text,
  /** Of the interfaces; 0 for the parent's. */
  mtu: integer("int"),
});

export type Uplink = Decoded<typeof uplinkShape>;

const poolShape = struct("Pool", {
  /** "172.17.0.0/16" */
  subnet: required(text),
  /** In it; "" for none. */
  gateway: text,
  /** The part of it that addresses are taken from; "" for all. */
  range: text,
  /** Addresses that no container gets, by the names that the user gave them. */
  auxiliary: entries(text),
  /** The engine has chosen it for a user's network: no container chooses its address there. */
  isAutomatic: flag,
});

export type PoolRecord = Decoded<typeof poolShape>;

const networkShape = struct("Network", {
  id: required(text),
  name: required(text),
  /** RFC 3339. */
  created: text,
  driver: required(oneOf("bridge", "host", "ipvlan", "macvlan", "null")),
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
  /** Of drivers "macvlan" and "ipvlan" only. */
  uplink: optional(uplinkShape),
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

/** The subnets that a network has addresses of, in their order. */
export function poolsOf(network: NetworkRecord, family?: 4 | 6): Pool[] {
  if (network.isConfigOnly) return [];
  const has = { 4: network.hasIpv4, 6: network.hasIpv6 };
  return network.ipam
    .map(decodePool)
    .filter(
      ({ subnet: { address } }) => has[address.family] && (family ?? address.family) === address.family,
    );
}

/** The first one of a family. */
export function poolOf(network: NetworkRecord, family: 4 | 6): Pool | undefined {
  return poolsOf(network, family)[0];
}

/** Containers have interfaces on it. */
export const hasInterfaces = ({ bridge, uplink }: NetworkRecord) => (bridge ?? uplink) !== undefined;

/** The link of this machine that it is on. */
export const linkOf = ({ bridge, uplink }: NetworkRecord) => bridge?.link ?? uplink?.parent;

/** The same where it goes with the network. */
export function ownLinkOf({ bridge, uplink }: NetworkRecord): string | undefined {
  if (bridge && !bridge.isForeign) return bridge.link;
  return uplink?.made ? uplink.parent : undefined;
}

/** Of a network that is there by itself. */
export const isPredefined = (name: string) => ["bridge", "host", "none"].includes(name);

export const newNetworkId = () => randomBytes(32).toString("hex");

/** A network of the user's choice as far as nothing is said. */
export function newBareNetwork(name: string, driver: NetworkRecord["driver"]): NetworkRecord {
  return networkKind.read({ id: newNetworkId(), name, driver, created: new Date().toISOString() });
}
