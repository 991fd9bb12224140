import type { Subnet } from "../formats/ip-address.ts";
import type { Link } from "../sys/link-message.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Interface } from "./interface.ts";
import type { NetworkRecord, Pool } from "./records.ts";

/** The part of a network that its driver decides. */
export type NetworkPlan = Pick<NetworkRecord, "ipam" | "hasDefaultSubnet"> &
  Partial<Pick<NetworkRecord, "bridge" | "uplink" | "isInternal">>;

/** A network as a user asks for it, read and found to be well-formed. */
export interface NetworkWish
  extends Pick<NetworkRecord, "id" | "hasIpv4" | "hasIpv6" | "isInternal" | "options" | "ipamDriver"> {
  pools: readonly Pool[];
}

/** What is there already. */
export interface Surroundings {
  networks: readonly NetworkRecord[];
  links: readonly Link[];
  /** Addresses of a link, with their prefix lengths. */
  addressesOf(link: string): Subnet[];
  /**
   * A subnet that overlaps nothing of this machine and of the networks.
   * @param size prefix length, where it is not to be the usual one
   * @param besides what it must not overlap either
   * @throws EngineError invalid when all are taken
   */
  findFreeSubnet(family: 4 | 6, size?: number, besides?: readonly Subnet[]): Subnet;
}

/** What makes networks of one kind work. One file each in `drivers/`; `drivers.ts` is the table of all. */
export interface NetworkDriver {
  /**
   * How a network that a user asks for is to be made.
   * @throws EngineError invalid, forbidden, internal, notImplemented
   */
  plan(wish: NetworkWish, surroundings: Surroundings): NetworkPlan;
  /** Makes what the machine needs for it. One that is there already is brought into that state, and containers notice nothing. */
  setUp(network: NetworkRecord): Promise<void>;
  /** Takes what `setUp` made. */
  tearDown(network: NetworkRecord): Promise<void>;
  /** Makes all that these networks need as far as it can, and takes what networks left that are gone. */
  restore(networks: readonly NetworkRecord[]): Promise<void>;
  /** Before an interface is added: tries again what `restore` could not make. @throws EngineError when it still cannot */
  ready(network: NetworkRecord): Promise<void>;
  /** What an endpoint looks like inside; undefined where a network gives no interface. */
  interfaceOf(endpoint: Endpoint, isGateway: Record<4 | 6, boolean>): Interface | undefined;
  /** Why an owner on such a network can be on no other; undefined when it can. */
  readonly whyAlone: string | undefined;
  /** Why its interfaces cannot have MAC addresses of their own; undefined when they do. */
  readonly whyNoMac: string | undefined;
}
