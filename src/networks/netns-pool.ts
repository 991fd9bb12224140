import { hasCode } from "../errors.ts";
import { type NameSockets, resolverAddress, resolverPort } from "../supervisor-protocol/names.ts";
import { encodeSetLink } from "../sys/link-message.ts";
import { NetlinkSocket, netlinkProtocol } from "../sys/netlink.ts";
import { closeNetns, enterNetns, enterNewNetns, openOwnNetns } from "../sys/netns.ts";
import { openNetnsSocket } from "../sys/netns-socket.ts";
import { setSysctl } from "../sys/sysctl.ts";
import { addInterface } from "./add-interface.ts";
import type { HostSide, InnerSide, Interface } from "./interface.ts";
import { redirectNames } from "./name-redirect.ts";
import { addVeth, configureVeth } from "./veth.ts";

export interface NetnsRequest {
  interfaces: Interface[];
  /** Names that are asked for there go to the resolver. */
  redirectsNames: boolean;
}

export interface OpenedNetns {
  /** A namespace descriptor of the whole process; the receiver closes it with `closeNetns` once the init runs. */
  fd: number;
  /** Host ends of its interfaces, in their order; undefined for one that has none. */
  links: (string | undefined)[];
  /** Descriptors of the whole process in which the first questions wait; absent where names do not go to the resolver. */
  nameSockets?: NameSockets;
}

interface ReadyNetns extends InnerSide {
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
  open(request: NetnsRequest): OpenedNetns;
  /** Makes one more ready namespace. False when there are enough. */
  prepare(): boolean;
  close(): void;
}

export function createNetnsPool(host: HostSide): NetnsPool {
  const ownNetns = openOwnNetns();
  const ready: ReadyNetns[] = [];

  function makeNetns(): InnerSide {
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

  function makeReady(): ReadyNetns {
    const { fd, socket } = makeNetns();
    try {
      return { fd, socket, veth: addVeth(host, fd, "eth0") };
    } catch (error) {
      socket.close();
      closeNetns(fd);
      throw error;
    }
  }

  /** A ready one where its eth0 is what the first interface is to be. */
  function takeFor([first]: readonly Interface[]): InnerSide & { veth?: string } {
    return first?.attachment.kind === "veth" ? (ready.shift() ?? makeReady()) : makeNetns();
  }

  return {
    open({ interfaces, redirectsNames }) {
      if (interfaces.length === 0) {
        const { fd, socket } = makeNetns();
        socket.close();
        return { fd, links: [] };
      }
      const netns = takeFor(interfaces);
      const links: (string | undefined)[] = [];
      let nameSockets: NameSockets | undefined;
      try {
        for (const [number, settings] of interfaces.entries()) {
          const veth = number === 0 ? netns.veth : undefined;
          links.push(veth ? fillIn(host, netns, settings, veth) : addInterface(host, netns, settings));
        }
        if (redirectsNames) nameSockets = openForNames(netns.fd, ownNetns);
      } catch (error) {
        discard(netns);
        throw error;
      }
      netns.socket.close();
      return { fd: netns.fd, links, ...(nameSockets && { nameSockets }) };
    },
    prepare() {
      if (ready.length >= readyCount) return false;
      try {
        ready.push(makeReady());
      } catch {
        // The caller that needs one gets the error.
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

function discard(netns: InnerSide): void {
  netns.socket.close();
  closeNetns(netns.fd);
}

/** Makes the waiting eth0 what the first interface is to be. */
function fillIn(host: HostSide, netns: InnerSide, settings: Interface, veth: string): string {
  const { attachment } = settings;
  if (attachment.kind === "veth") configureVeth(host, netns, settings, attachment, veth, "eth0");
  return veth;
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

/** From then on questions wait for the resolver. */
function openForNames(netns: number, home: number): NameSockets {
  redirectNamesIn(netns, home);
  const local = { address: resolverAddress, port: resolverPort };
  const udp = openNetnsSocket(netns, { protocol: "udp", family: 4, local });
  try {
    return { udp, tcp: openNetnsSocket(netns, { protocol: "tcp", family: 4, local }) };
  } catch (error) {
    closeNetns(udp);
    throw error;
  }
}

function redirectNamesIn(netns: number, home: number): void {
  enterNetns(netns);
  let socket: NetlinkSocket;
  try {
    socket = new NetlinkSocket(netlinkProtocol.netfilter);
  } finally {
    enterNetns(home);
  }
  try {
    redirectNames(socket);
  } finally {
    socket.close();
  }
}
