import { invalid, messageOf } from "../errors.ts";
import { encodeIpAddress, type IpAddress, type Subnet } from "../formats/ip-address.ts";
import { encodeDefaultRoute } from "../sys/address-message.ts";
import { decodeLink, encodeLinkQuery, encodeSetLink } from "../sys/link-message.ts";
import type { NetlinkSocket } from "../sys/netlink.ts";
import { withinNetns } from "../sys/netns.ts";
import { routeType } from "../sys/rtnetlink-message.ts";
import type { SublinkKind } from "../sys/sublink-message.ts";
import { setSysctl } from "../sys/sysctl.ts";
import type { InterfaceSysctl } from "./endpoint-options.ts";
import { newAddress } from "./host-bridge.ts";
import type { HostLinks } from "./links.ts";
import { quietLink } from "./quiet-link.ts";

/** One interface inside, as the kernel needs to know it. */
export interface Interface {
  /** Name inside: eth0, eth1, … */
  name: string;
  attachment: BridgeAttachment | ParentAttachment;
  addresses: readonly Subnet[];
  /** Of the default routes that go through this interface; 0.0.0.0 and :: where all addresses are on its link. */
  gateways: readonly IpAddress[];
  /** "" where it has its parent's. */
  macAddress: string;
  /** 0 for its parent's. */
  mtu: number;
  sysctls: readonly InterfaceSysctl[];
}

/** Under a bridge, with an end on the host. */
export interface BridgeAttachment {
  kind: "veth";
  bridge: string;
  /** It does not reach other containers under its bridge. */
  isIsolated: boolean;
  /** Of the host end. */
  alias: string;
}

/** A part of a link of the machine, which sees nothing of it. */
export interface ParentAttachment {
  kind: SublinkKind;
  parent: string;
  mode: string;
  flag: string;
}

/** The machine's links, and a socket that speaks to its network namespace. */
export type HostSide = HostLinks & { socket: NetlinkSocket };

/** A network namespace, and a socket that speaks to it. */
export interface InnerSide {
  socket: NetlinkSocket;
  fd: number;
}

function setAll(name: string, sysctls: readonly InterfaceSysctl[]): void {
  for (const { group, key, value } of sysctls) {
    try {
      setSysctl(`net/${group}/${name}/${key}`, value);
    } catch (error) {
      throw invalid(
        `the sysctl ${key} of interface ${name} cannot be set to ${value}: ${messageOf(error)}`,
        error,
      );
    }
  }
}

/** Names an interface that is there, and brings it up. @param madeAs its name until now @returns its index */
export function bringUpInside({ socket, fd }: InnerSide, settings: Interface, madeAs: string): number {
  const { name, macAddress, mtu, addresses } = settings;
  const { index } = decodeLink(socket.get(routeType.getLink, encodeLinkQuery(madeAs), madeAs));
  if (addresses.some(({ address }) => address.family === 6))
    withinNetns(fd, () => quietLink(madeAs, { hasIpv6: true }));
  const changes = {
    ...(name !== madeAs && { name }),
    ...(macAddress !== "" && { macAddress }),
    ...(mtu > 0 && { mtu }),
  };
  socket.request([encodeSetLink(index, { ...changes, up: true })], name);
  return index;
}

/** Gives it its settings, addresses and routes. */
export function addressInside({ socket, fd }: InnerSide, settings: Interface, index: number): void {
  const { name, addresses, gateways, sysctls } = settings;
  if (sysctls.length > 0) withinNetns(fd, () => setAll(name, sysctls));
  socket.request(
    [
      ...addresses.map((address) => newAddress(index, address)),
      ...gateways.map((gateway) => encodeDefaultRoute(encodeIpAddress(gateway), index)),
    ],
    name,
  );
}
