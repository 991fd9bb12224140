import { randomBytes } from "node:crypto";
import { hasCode, unavailable } from "../errors.ts";
import {
  decodeIpAddress,
  encodeIpAddress,
  type IpAddress,
  isLinkLocal,
  lastAddress,
  macAddressOf,
  type Subnet,
} from "../formats/ip-address.ts";
import {
  decodeAddress,
  decodeRoute,
  encodeDeleteAddress,
  encodeInetQuery,
  encodeNewAddress,
  type KernelSubnet,
} from "../sys/address-message.ts";
import { SyscallError } from "../sys/libc.ts";
import {
  decodeLink,
  encodeDeleteLink,
  encodeLinkQuery,
  encodeNewLink,
  encodePortMode,
  encodeSetLink,
  encodeSetLinkByName,
  type Link,
} from "../sys/link-message.ts";
import { NetlinkSocket, netlinkProtocol } from "../sys/netlink.ts";
import { type RouteRequest, routeType } from "../sys/rtnetlink-message.ts";
import { quietLink } from "./quiet-link.ts";

export interface BridgeSettings {
  name: string;
  /** This machine's own there. */
  addresses: Subnet[];
  mtu: number;
  /** It is another program's: what it has, it keeps. */
  isForeign: boolean;
  /** Its ports do not hear each other. */
  isSeparated: boolean;
  /** Marks it as one engine's. */
  alias: string;
}

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
  /** Makes the bridge or brings an existing one into this state; attached containers notice nothing. */
  ensureBridge(settings: BridgeSettings): void;
  indexOf(name: string): number;
  /** Nothing happens when there is no such link. */
  removeLink(name: string): void;
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

  return {
    socket,
    indexOf,
    ensureBridge({ name, addresses: wanted, mtu, isForeign, isSeparated, alias }) {
      // With a MAC of its own the bridge does not take on that of whichever port is lowest, and neighbours need not relearn it.
      const macAddress = wanted[0] ? macAddressOf(wanted[0].address) : randomMacAddress();
      if (!findLink(name)) socket.request([encodeNewLink("bridge", { name, mtu, macAddress })], name);
      const hasIpv6 = wanted.some(({ address }) => address.family === 6);
      if (!isForeign) quietLink(name, { hasIpv6, isSeparated });
      const index = indexOf(name);
      const isWanted = (one: KernelSubnet) =>
        wanted.some(({ address }) => encodeIpAddress(address).equals(one.address));
      const others = isForeign ? [] : addresses().filter((one) => one.linkIndex === index && !isWanted(one));
      socket.request(
        [
          ...others.filter(({ address }) => !isLinkLocal(decodeIpAddress(address))).map(encodeDeleteAddress),
          ...wanted.map((address) => newAddress(index, address)),
          encodeSetLink(index, { up: true, ...(!isForeign && { alias }) }),
        ],
        name,
      );
    },
    removeLink(name) {
      try {
        socket.request([encodeDeleteLink(name)], name);
      } catch (error) {
        if (!hasCode(error, "ENODEV")) throw error;
      }
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

/** Unicast, and locally administered. */
function randomMacAddress(): string {
  const [first = 0, ...rest] = randomBytes(6);
  return [(first & 0xfc) | 2, ...rest].map((byte) => byte.toString(16).padStart(2, "0")).join(":");
}

/** Gives a link an address in its subnet. */
export function newAddress(linkIndex: number, subnet: Subnet): RouteRequest {
  const { address, prefixLength } = subnet;
  const hasBroadcast = address.family === 4 && prefixLength < 31;
  return encodeNewAddress(
    { linkIndex, address: encodeIpAddress(address), prefixLength },
    hasBroadcast ? encodeIpAddress(lastAddress(subnet)) : undefined,
  );
}
