import { hasCode } from "../errors.ts";
import { encodeIpAddress, type IpAddress } from "../formats/ip-address.ts";
import { encodeDefaultRoute, encodeDefaultRouteDeletion } from "../sys/address-message.ts";
import { decodeLink, encodeDeleteLink, encodeLinkQuery, type Link } from "../sys/link-message.ts";
import { NetlinkSocket, netlinkProtocol } from "../sys/netlink.ts";
import { closeNetns, openNetnsOf, withinNetns } from "../sys/netns.ts";
import { routeType } from "../sys/rtnetlink-message.ts";
import { addInterface } from "./add-interface.ts";
import type { HostSide, Interface } from "./interface.ts";
import { redirectNames } from "./name-redirect.ts";

/** A process by what names it for good. */
export interface NetnsProcess {
  pid: number;
  startTicks: number;
}

/** A default route; undefined for none. */
export type DefaultRoute = { gateway: IpAddress; interfaceName: string } | undefined;

/** Changes the network namespaces of processes that run. Runs on the network worker. */
interface LiveNetns {
  /**
   * Adds an interface. @returns its host end; undefined where it has none
   * @throws SyscallError ESRCH when the process has ended, ENODEV without the bridge or parent, EEXIST
   */
  plug(process: NetnsProcess, settings: Interface): string | undefined;
  /** Takes an interface of that kind away that has no host end. Nothing happens when there is none. @throws SyscallError ESRCH */
  unplug(process: NetnsProcess, name: string, kind: string): void;
  /** Whether there is an interface of that name. @throws SyscallError ESRCH */
  has(process: NetnsProcess, name: string): boolean;
  /** Leads the names that are asked for there to the resolver. @throws SyscallError ESRCH */
  redirectNames(process: NetnsProcess): void;
  /** Makes it the default route of its family, in the place of another. @throws SyscallError ESRCH */
  setDefaultRoute(process: NetnsProcess, family: 4 | 6, route: DefaultRoute): void;
}

export function createLiveNetns(host: HostSide): LiveNetns {
  function within<R>(
    process: NetnsProcess,
    use: (socket: NetlinkSocket, fd: number) => R,
    protocol: number = netlinkProtocol.route,
  ): R {
    const fd = openNetnsOf(process.pid, process.startTicks);
    try {
      const socket = withinNetns(fd, () => new NetlinkSocket(protocol));
      try {
        return use(socket, fd);
      } finally {
        socket.close();
      }
    } finally {
      closeNetns(fd);
    }
  }

  return {
    redirectNames: (process) => within(process, redirectNames, netlinkProtocol.netfilter),
    plug: (process, settings) =>
      within(process, (socket, fd) => addInterface(host, { socket, fd }, settings)),
    unplug: (process, name, kind) =>
      within(process, (socket) => {
        if (findInside(socket, name)?.kind === kind) socket.request([encodeDeleteLink(name)], name);
      }),
    has: (process, name) => within(process, (socket) => findInside(socket, name) !== undefined),
    setDefaultRoute: (process, family, route) =>
      within(process, (socket) => {
        if (!route) return removeDefaultRoute(socket, family);
        const { gateway, interfaceName: name } = route;
        const { index } = decodeLink(socket.get(routeType.getLink, encodeLinkQuery(name), name));
        socket.request([encodeDefaultRoute(encodeIpAddress(gateway), index, { replaces: true })], name);
      }),
  };
}

function findInside(socket: NetlinkSocket, name: string): Link | undefined {
  try {
    return decodeLink(socket.get(routeType.getLink, encodeLinkQuery(name), name));
  } catch (error) {
    if (hasCode(error, "ENODEV")) return undefined;
    throw error;
  }
}

function removeDefaultRoute(socket: NetlinkSocket, family: 4 | 6): void {
  try {
    socket.request([encodeDefaultRouteDeletion(family)], "default route");
  } catch (error) {
    // It has gone with its interface; of IPv6 the table went as well.
    if (!hasCode(error, "ESRCH") && !hasCode(error, "ENOENT")) throw error;
  }
}
