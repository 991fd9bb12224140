import { randomBytes } from "node:crypto";
import { encodeIpAddress, type IpAddress, type Subnet } from "../formats/ip-address.ts";
import { encodeDefaultRoute } from "../sys/address-message.ts";
import { decodeLink, encodeLinkQuery, encodeNewVeth, encodeSetLink } from "../sys/link-message.ts";
import type { NetlinkSocket } from "../sys/netlink.ts";
import { withinNetns } from "../sys/netns.ts";
import { routeType } from "../sys/rtnetlink-message.ts";
import { type HostLinks, newAddress } from "./links.ts";
import { quietLink } from "./quiet-link.ts";

/** One interface inside, as the kernel needs to know it. */
export interface Interface {
  /** Name inside: eth0, eth1, … */
  name: string;
  bridge: string;
  /** One of each family at most. */
  addresses: readonly Subnet[];
  /** Of the default routes that go through this interface. */
  gateways: readonly IpAddress[];
  /** It does not reach other containers under its bridge. */
  isIsolated: boolean;
  macAddress: string;
  mtu: number;
  /** Of the host end. */
  alias: string;
}

/** The machine's links, and a socket that speaks to its network namespace. */
export type HostSide = HostLinks & { socket: NetlinkSocket };

/** Makes an interface of that name in the namespace behind `fd`, down and without address. @returns its host end */
export function addVeth(host: HostSide, fd: number, name: string): string {
  const veth = `veth${randomBytes(4).toString("hex").slice(0, 7)}`;
  host.socket.request([encodeNewVeth({ name: veth }, { name }, fd)], veth);
  quietLink(veth);
  return veth;
}

/**
 * Puts it under its bridge and brings it up.
 * @param madeAs its name until now
 * @param inside the namespace that it is in, and a socket that speaks to it
 * @param veth its host end
 */
export function configureVeth(
  host: HostSide,
  { socket, fd }: { socket: NetlinkSocket; fd: number },
  settings: Interface,
  veth: string,
  madeAs = settings.name,
): void {
  const { name, bridge, macAddress, mtu, alias, addresses, gateways, isIsolated } = settings;
  const { index } = decodeLink(socket.get(routeType.getLink, encodeLinkQuery(madeAs), madeAs));
  if (addresses.some(({ address }) => address.family === 6))
    withinNetns(fd, () => quietLink(madeAs, { hasIpv6: true }));
  const rename = name === madeAs ? {} : { name };
  socket.request([encodeSetLink(index, { ...rename, macAddress, mtu, up: true })], name);
  host.attach({ name: veth, bridge, mtu, alias, isIsolated });
  socket.request(
    [
      ...addresses.map((address) => newAddress(index, address)),
      ...gateways.map((gateway) => encodeDefaultRoute(encodeIpAddress(gateway), index)),
    ],
    name,
  );
}
