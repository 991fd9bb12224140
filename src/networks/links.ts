import { hasCode } from "../errors.ts";
import { macAddressOf, type Subnet } from "../formats/ip-address.ts";
import {
  decodeAddress,
  decodeRoute,
  encodeDeleteAddress,
  encodeInetQuery,
  encodeNewAddress,
} from "../sys/address-message.ts";
import {
  decodeLink,
  encodeDeleteLink,
  encodeHairpin,
  encodeLinkQuery,
  encodeNewBridge,
  encodeSetLink,
  encodeSetLinkByName,
  type Link,
} from "../sys/link-message.ts";
import { NetlinkSocket, netlinkProtocol } from "../sys/netlink.ts";
import { routeType } from "../sys/rtnetlink-message.ts";
import { setSysctl } from "../sys/sysctl.ts";

export interface BridgeSettings {
  name: string;
  gateway: number;
  prefixLength: number;
  mtu: number;
  /** Marks it as one engine's. */
  alias: string;
}

/** The host end of a container's interface. */
export interface BridgePort {
  name: string;
  bridge: string;
  mtu: number;
  containerId: string;
}

/** The bridges and links of the machine. Runs on the network worker: every call waits for the kernel. */
export interface HostLinks {
  /** Makes the bridge or brings an existing one into this state; attached containers notice nothing. */
  ensureBridge(settings: BridgeSettings): void;
  indexOf(name: string): number;
  /** Nothing happens when there is no such link. */
  removeLink(name: string): void;
  listLinks(): Link[];
  /** Subnets of all addresses and routes, without those of the links named. */
  listSubnets(exceptLinks: string[]): Subnet[];
  /** The machine's own addresses. */
  listAddresses(): Subnet[];
  /** Puts a link under a bridge, marked with the container it serves. */
  attach(port: BridgePort): void;
}

export function createHostLinks(): HostLinks & { socket: NetlinkSocket } {
  const socket = new NetlinkSocket(netlinkProtocol.route);

  function findLink(name: string): Link | undefined {
    try {
      return decodeLink(socket.get(routeType.getLink, encodeLinkQuery(name), name));
    } catch (error) {
      if (hasCode(error, "ENODEV")) return undefined;
      throw error;
    }
  }

  function indexOf(name: string): number {
    return decodeLink(socket.get(routeType.getLink, encodeLinkQuery(name), name)).index;
  }

  return {
    socket,
    indexOf,
    ensureBridge({ name, gateway, prefixLength, mtu, alias }) {
      // With a MAC of its own the bridge does not take on that of whichever port is lowest, and neighbours need not relearn it.
      const macAddress = macAddressOf(gateway);
      if (!findLink(name)) socket.request([encodeNewBridge({ name, mtu, macAddress })], name);
      const index = indexOf(name);
      const others = socket
        .dump(routeType.getAddress, encodeInetQuery())
        .map(decodeAddress)
        .filter(({ linkIndex, address }) => linkIndex === index && address !== gateway);
      socket.request(
        [
          ...others.map(encodeDeleteAddress),
          encodeNewAddress(index, gateway, prefixLength),
          encodeSetLink(index, { up: true, alias }),
        ],
        name,
      );
      setSysctl(`net/ipv4/conf/${name}/route_localnet`, "1");
    },
    removeLink(name) {
      try {
        socket.request([encodeDeleteLink(name)], name);
      } catch (error) {
        if (!hasCode(error, "ENODEV")) throw error;
      }
    },
    listLinks: () => socket.dump(routeType.getLink, encodeLinkQuery()).map(decodeLink),
    listAddresses: () => socket.dump(routeType.getAddress, encodeInetQuery()).map(decodeAddress),
    listSubnets(exceptLinks) {
      const excepted = exceptLinks.map((name) => findLink(name)?.index);
      const addresses = socket.dump(routeType.getAddress, encodeInetQuery()).map(decodeAddress);
      const routes = socket.dump(routeType.getRoute, encodeInetQuery()).map(decodeRoute);
      return [...addresses, ...routes.filter((route) => route !== undefined)].filter(
        ({ linkIndex }) => !excepted.includes(linkIndex),
      );
    },
    attach({ name, bridge, mtu, containerId }) {
      socket.request(
        [
          encodeSetLinkByName(name, { master: indexOf(bridge), mtu, alias: containerId, up: true }),
          // With br_netfilter on, a container's way to its own published port turns round inside the bridge.
          encodeHairpin(name),
        ],
        name,
      );
    },
  };
}
