import { randomBytes } from "node:crypto";
import { hasCode } from "../errors.ts";
import { encodeDefaultRoute, encodeNewAddress } from "../sys/address-message.ts";
import {
  decodeLink,
  encodeLinkQuery,
  encodeNewVeth,
  encodeNoIpv6Address,
  encodeSetLink,
  encodeSetLinkByName,
} from "../sys/link-message.ts";
import { NetlinkSocket, netlinkProtocol } from "../sys/netlink.ts";
import { closeNetns, enterNetns, enterNewNetns, openOwnNetns } from "../sys/netns.ts";
import { routeType } from "../sys/rtnetlink-message.ts";
import { setSysctl } from "../sys/sysctl.ts";
import type { HostLinks } from "./links.ts";

/** One interface of a container, as the kernel needs to know it. */
export interface Interface {
  /** Name inside: eth0, eth1, … */
  name: string;
  bridge: string;
  address: number;
  prefixLength: number;
  /** Absent: no default route through this interface. */
  gateway?: number;
  macAddress: string;
  mtu: number;
}

export interface OpenedNetns {
  /** A namespace descriptor of the whole process; the receiver closes it with `closeNetns` once the init runs. */
  fd: number;
  /** Host ends of its interfaces. */
  links: string[];
}

interface ReadyNetns {
  fd: number;
  /** A socket that speaks to that namespace. */
  socket: NetlinkSocket;
  /** Host end of the pair whose other end is eth0 inside, down and without address. */
  veth: string;
}

/** How many namespaces with an interface wait to be used: making one takes ten times as long as filling it in. */
const readyCount = 4;
const loopbackIndex = 1;

/**
 * Makes network namespaces. A namespace and the interfaces in it live as long as its last process or descriptor, so
 * nothing here needs to be taken down. Runs on the network worker, whose thread visits new namespaces.
 */
interface NetnsPool {
  open(containerId: string, interfaces: Interface[]): OpenedNetns;
  /** Makes one more ready namespace. False when there are enough. */
  prepare(): boolean;
  close(): void;
}

export function createNetnsPool(host: HostLinks & { socket: NetlinkSocket }): NetnsPool {
  const ownNetns = openOwnNetns();
  const ready: ReadyNetns[] = [];

  function makeNetns(): { fd: number; socket: NetlinkSocket } {
    enterNewNetns();
    try {
      disableIpv6ForNewLinks();
      const socket = new NetlinkSocket(netlinkProtocol.route);
      socket.request([encodeSetLink(loopbackIndex, { up: true })], "lo");
      return { fd: openOwnNetns(), socket };
    } finally {
      enterNetns(ownNetns);
    }
  }

  /** Inherited by eth0, which is made later; loopback keeps ::1. */
  function disableIpv6ForNewLinks(): void {
    try {
      setSysctl("net/ipv6/conf/default/disable_ipv6", "1");
    } catch (error) {
      // A kernel without IPv6.
      if (!hasCode(error, "ENOENT")) throw error;
    }
  }

  function addVeth(fd: number, name: string): string {
    const veth = `veth${randomBytes(4).toString("hex").slice(0, 7)}`;
    host.socket.request([encodeNewVeth({ name: veth }, { name }, fd)], veth);
    quietHostEnd(veth);
    return veth;
  }

  /** A bridge's port needs no address: of its own it would look for IPv6 routers in the container for ever. */
  function quietHostEnd(veth: string): void {
    try {
      host.socket.request([encodeNoIpv6Address(veth)], veth);
    } catch (error) {
      // A kernel without IPv6.
      if (!hasCode(error, "EAFNOSUPPORT")) throw error;
    }
  }

  function makeReady(): ReadyNetns {
    const { fd, socket } = makeNetns();
    try {
      return { fd, socket, veth: addVeth(fd, "eth0") };
    } catch (error) {
      socket.close();
      closeNetns(fd);
      throw error;
    }
  }

  function configure(socket: NetlinkSocket, containerId: string, settings: Interface, veth: string): void {
    const { name, bridge, macAddress, mtu, address, prefixLength, gateway } = settings;
    socket.request([encodeSetLinkByName(name, { macAddress, mtu, up: true })], name);
    host.attach({ name: veth, bridge, mtu, containerId });
    const { index } = decodeLink(socket.get(routeType.getLink, encodeLinkQuery(name), name));
    const requests = [encodeNewAddress(index, address, prefixLength)];
    if (gateway !== undefined) requests.push(encodeDefaultRoute(gateway, index));
    socket.request(requests, name);
  }

  function discard(netns: { fd: number; socket: NetlinkSocket }): void {
    netns.socket.close();
    closeNetns(netns.fd);
  }

  return {
    open(containerId, interfaces) {
      if (interfaces.length === 0) {
        const { fd, socket } = makeNetns();
        socket.close();
        return { fd, links: [] };
      }
      const netns = ready.shift() ?? makeReady();
      const links: string[] = [];
      try {
        for (const [number, settings] of interfaces.entries()) {
          const veth = number === 0 ? netns.veth : addVeth(netns.fd, settings.name);
          links.push(veth);
          configure(netns.socket, containerId, settings, veth);
        }
      } catch (error) {
        discard(netns);
        throw error;
      }
      netns.socket.close();
      return { fd: netns.fd, links };
    },
    prepare() {
      if (ready.length >= readyCount) return false;
      try {
        ready.push(makeReady());
      } catch {
        // Whoever needs one is told when they ask for it.
        return false;
      }
      return ready.length < readyCount;
    },
    close() {
      for (const netns of ready.splice(0)) discard(netns);
      closeNetns(ownNetns);
    },
  };
}
