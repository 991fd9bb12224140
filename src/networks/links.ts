import { hasCode, unavailable } from "../errors.ts";
import { decodeIpAddress, type IpAddress, type Subnet } from "../formats/ip-address.ts";
import { decodeAddress, decodeRoute, encodeInetQuery, type KernelSubnet } from "../sys/address-message.ts";
import { SyscallError } from "../sys/libc.ts";
import {
  decodeLink,
  encodeDeleteLink,
  encodeLinkQuery,
  encodePortMode,
  encodeSetLinkByName,
  type Link,
} from "../sys/link-message.ts";
import { NetlinkSocket, netlinkProtocol } from "../sys/netlink.ts";
import { routeType } from "../sys/rtnetlink-message.ts";
import { type BridgeSettings, ensureBridge } from "./host-bridge.ts";

/** The host end of a container's interface. */
export interface BridgePort {
  name: string;
  bridge: string;
  mtu: number;
  /** Names the endpoint that it serves. */
  alias: string;
  /** It reaches the machine, but no other port of the bridge. */
  isIsolated: boolean;
}

/** A link by its name, and the aliases that make it the engine's own. */
export interface MarkedLink {
  name: string;
  marks: readonly string[];
}

/** A subnet that the machine knows of. */
export interface LocalSubnet {
  /** The address is the machine's own where it has one. */
  subnet: Subnet;
  /** Name of its link; "" for none. */
  link: string;
  kind: "address" | "direct route" | "route by a gateway";
}

/** The bridges and links of the machine. Runs on the network worker: every call waits for the kernel. */
export interface HostLinks {
  /**
   * Makes the bridge or brings an existing one into this state; attached containers notice nothing.
   * @throws conflict for a link of that name that is another's or no bridge
   */
  ensureBridge(settings: BridgeSettings): void;
  indexOf(name: string): number;
  /** Nothing happens when there is no such link. */
  removeLink(name: string): void;
  /** The same where it bears one of the marks; another's link of that name stays. */
  removeOwnLink(link: MarkedLink): void;
  listLinks(): Link[];
  /** Subnets of all addresses and routes. */
  listSubnets(): LocalSubnet[];
  /** The machine's own addresses. */
  listAddresses(): IpAddress[];
  /** Puts a link under a bridge, marked with the endpoint that it serves. */
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

  const addresses = () =>
    socket.dump(routeType.getAddress, encodeInetQuery()).flatMap((payload) => decodeAddress(payload) ?? []);

  const list = () => socket.dump(routeType.getLink, encodeLinkQuery()).map(decodeLink);

  function removeLink(name: string): void {
    try {
      socket.request([encodeDeleteLink(name)], name);
    } catch (error) {
      if (!hasCode(error, "ENODEV")) throw error;
    }
  }

  return {
    socket,
    indexOf,
    ensureBridge: (settings) =>
      ensureBridge({ socket, findLink, indexOf, listAddresses: addresses }, settings),
    removeLink,
    removeOwnLink({ name, marks }) {
      const found = findLink(name);
      if (found && marks.includes(found.alias)) removeLink(name);
    },
    listLinks: list,
    listAddresses: () => addresses().map(({ address }) => decodeIpAddress(address)),
    listSubnets() {
      const names = new Map(list().map(({ index, name }) => [index, name]));
      const describe = (one: KernelSubnet, kind: LocalSubnet["kind"]): LocalSubnet => ({
        kind,
        link: names.get(one.linkIndex) ?? "",
        subnet: { address: decodeIpAddress(one.address), prefixLength: one.prefixLength },
      });
      const routes = socket
        .dump(routeType.getRoute, encodeInetQuery())
        .flatMap((payload) => decodeRoute(payload) ?? []);
      return [
        ...addresses().map((one) => describe(one, "address")),
        ...routes.map((one) => describe(one, one.hasGateway ? "route by a gateway" : "direct route")),
      ];
    },
    attach({ name, bridge, mtu, alias, isIsolated }) {
      const requests = [
        encodeSetLinkByName(name, { master: indexOf(bridge), mtu, alias, up: true }),
        // With br_netfilter on, a container's way to its own published port turns round inside the bridge.
        encodePortMode(name, { isIsolated }),
      ];
      requestOrExplain(() => socket.request(requests, name), bridge);
    },
  };
}

/** EXFULL */
const noMorePorts = 54;

function requestOrExplain(request: () => void, bridge: string): void {
  try {
    request();
  } catch (error) {
    if (!(error instanceof SyscallError && error.errno === noMorePorts)) throw error;
    throw unavailable(
      `bridge ${bridge} has 1023 interfaces, and the kernel gives it no more: put further containers on another network`,
      error,
    );
  }
}
