import type { IpAddress, Subnet } from "../formats/ip-address.ts";
import type { SubnetSource } from "./free-subnets.ts";

/** As the name of the default bridge, in Docker as well: there is to be none. */
export const noBridge = "none";

/** What an administrator says of all networks, and of the default bridge. */
export interface NetworksConfig {
  /** Address of the default bridge with its prefix length, by family; undefined for one of the engine's choice. */
  bip: Readonly<Record<4 | 6, Subnet | undefined>>;
  /** The part of the default bridge's subnet that addresses are taken from, by family. */
  fixedCidr: Readonly<Record<4 | 6, Subnet | undefined>>;
  /** Where containers of the default bridge send what is for elsewhere, by family; undefined for this machine. */
  defaultGateway: Readonly<Record<4 | 6, IpAddress | undefined>>;
  /** Of the default bridge. */
  hasIpv6: boolean;
  mtu: number;
  /** Containers of the default bridge reach each other. */
  letsContainersTalk: boolean;
  /** Packets of the default bridge leave with an address of this machine. */
  masquerades: boolean;
  /** Where the default bridge publishes ports for which no address is given. */
  hostBinding: IpAddress | undefined;
  /** Where every network does, when neither the user nor the network says it; undefined for everywhere. */
  publishAddress: IpAddress | undefined;
  /** The engine lets this machine forward packets. */
  enablesForwarding: boolean;
  /** Where it has switched that on, packets between links that are no bridges are dropped. */
  guardsForwarding: boolean;
  /** Other hosts may reach published ports at the containers' own addresses. */
  allowsDirectRouting: boolean;
  /** Where automatic subnets are cut from; undefined for Docker's pools. */
  subnetSources: readonly SubnetSource[] | undefined;
  /** What `host-gateway` stands for, of each family at most one; none: this machine's addresses on the default bridge. */
  hostGateways: readonly IpAddress[];
  /** Options of new networks, by driver, where the user gives no others. */
  defaultOptions: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

export const defaultNetworksConfig: NetworksConfig = {
  bip: { 4: undefined, 6: undefined },
  fixedCidr: { 4: undefined, 6: undefined },
  defaultGateway: { 4: undefined, 6: undefined },
  hasIpv6: false,
  mtu: 1500,
  letsContainersTalk: true,
  masquerades: true,
  hostBinding: undefined,
  publishAddress: undefined,
  enablesForwarding: true,
  guardsForwarding: true,
  allowsDirectRouting: false,
  subnetSources: undefined,
  hostGateways: [],
  defaultOptions: {},
};
