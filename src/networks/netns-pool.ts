import { hasCode } from "../errors.ts";
import type { IdMapping } from "../formats/id-mapping.ts";
import { type NameSockets, resolverAddress, resolverPort } from "../supervisor-protocol/names.ts";
import { encodeSetLink } from "../sys/link-message.ts";
import { NetlinkSocket, netlinkProtocol } from "../sys/netlink.ts";
import { closeNetns, enterNetns, enterNewNetns, openNamespace, openOwnNetns } from "../sys/netns.ts";
import { openNetnsSocket } from "../sys/netns-socket.ts";
import { setSysctl } from "../sys/sysctl.ts";
import { makeNetnsIn, makeUserNamespace } from "../sys/user-namespace.ts";
import { addInterface } from "./add-interface.ts";
import type { HostSide, InnerSide, Interface } from "./interface.ts";
import { redirectNames } from "./name-redirect.ts";
import { addVeth, configureVeth } from "./veth.ts";

export interface NetnsRequest {
  interfaces: Interface[];
  /** Names that are asked for there go to the resolver. */
  redirectsNames: boolean;
  /** Of a user namespace that it is to belong to; undefined for the machine's own. */
  mapping: IdMapping | undefined;
  /** Path of a user namespace that is there, instead of a new one. */
  userns?: string | undefined;
}

export interface OpenedNetns {
  /** A namespace descriptor of the whole process; the receiver closes it with `closeNetns` once the init runs. */
  fd: number;
  /** Likewise of the user namespace that it belongs to; undefined where that is the machine's own. */
  userFd: number | undefined;
  /** Host ends of its interfaces, in their order; undefined for one that has none. */
  links: (string | undefined)[];
  /** Descriptors of the whole process in which the first questions wait; absent where names do not go to the resolver. */
  nameSockets?: NameSockets;
}

interface OwnNetns extends InnerSide {
  userFd: number | undefined;
}

interface ReadyNetns extends OwnNetns {
  /** Host end of the pair whose other end is eth0 inside, down and without address. */
  veth: string;
}

type TakenNetns = OwnNetns & Partial<ReadyNetns>;

/** How many namespaces with an interface wait to be used: making one takes ten times as long as filling it in. */
const readyCount = 4;
const loopbackIndex = 1;

/**
 * Makes network namespaces. A namespace and the interfaces in it live as long as its last process or descriptor, so
 * nothing here needs to be taken down. Runs on the network worker, whose thread visits new namespaces.
 */
interface NetnsPool {
  open(request: NetnsRequest): OpenedNetns;
  /** Makes one more ready namespace. False when there are enough. @param mapping of those that will mostly be asked for */
  prepare(mapping: IdMapping | undefined): boolean;
  close(): void;
}

export function createNetnsPool(host: HostSide): NetnsPool {
  const ownNetns = openOwnNetns();
  const ready: ReadyNetns[] = [];

  function makeReady(mapping: IdMapping | undefined): ReadyNetns {
    const netns = makeNetns(ownNetns, mapping);
    try {
      return { ...netns, veth: addVeth(host, netns.fd, "eth0") };
    } catch (error) {
      discard(netns);
      throw error;
    }
  }

  /** A ready one where its eth0 is what the first interface is to be. All that are ready are of one kind. */
  function takeFor({ interfaces: [first], mapping, userns }: NetnsRequest): TakenNetns {
    if (userns !== undefined) return makeNetnsWithin(ownNetns, userns);
    if (first?.attachment.kind !== "veth") return makeNetns(ownNetns, mapping);
    const isOfKind = (ready[0]?.userFd === undefined) === (mapping === undefined);
    return (isOfKind ? ready.shift() : undefined) ?? makeReady(mapping);
  }

  /** Makes of it what was asked for; closes it where that fails. */
  function complete(netns: TakenNetns, { interfaces, redirectsNames }: NetnsRequest): OpenedNetns {
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
    return { fd: netns.fd, userFd: netns.userFd, links, ...(nameSockets && { nameSockets }) };
  }

  return {
    open(request) {
      const mayBeStale = ready.length > 0;
      try {
        return complete(takeFor(request), request);
      } catch (error) {
        if (!mayBeStale || !hasCode(error, "ENODEV")) throw error;
        // The links that waited were removed by another program, or a bridge is gone. New links show which.
        for (const netns of ready.splice(0)) discard(netns);
        return complete(takeFor(request), request);
      }
    },
    prepare(mapping) {
      if (ready.length >= readyCount) return false;
      try {
        ready.push(makeReady(mapping));
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

/** Enters a new one, makes it usable, and comes back. */
function setUp<R>(home: number, enter: () => void, use: (socket: NetlinkSocket) => R): R {
  enter();
  try {
    disableIpv6ForNewLinks();
    const socket = new NetlinkSocket(netlinkProtocol.route);
    try {
      socket.request([encodeSetLink(loopbackIndex, { up: true })], "lo");
      return use(socket);
    } catch (error) {
      socket.close();
      throw error;
    }
  } finally {
    enterNetns(home);
  }
}

function makeNetns(home: number, mapping: IdMapping | undefined): OwnNetns {
  if (!mapping)
    return setUp(home, enterNewNetns, (socket) => ({ fd: openOwnNetns(), userFd: undefined, socket }));
  const { userFd, netFd } = makeUserNamespace(mapping);
  try {
    const enter = () => enterNetns(netFd);
    return setUp(home, enter, (socket) => ({ fd: netFd, userFd, socket }));
  } catch (error) {
    for (const fd of [userFd, netFd]) closeNetns(fd);
    throw error;
  }
}

function makeNetnsWithin(home: number, userns: string): OwnNetns {
  const userFd = openNamespace(userns);
  try {
    const fd = makeNetnsIn(userns);
    try {
      return setUp(
        home,
        () => enterNetns(fd),
        (socket) => ({ fd, userFd, socket }),
      );
    } catch (error) {
      closeNetns(fd);
      throw error;
    }
  } catch (error) {
    closeNetns(userFd);
    throw error;
  }
}

function discard({ socket, fd, userFd }: OwnNetns): void {
  socket.close();
  closeNetns(fd);
  if (userFd !== undefined) closeNetns(userFd);
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
