import { setTimeout as sleep } from "node:timers/promises";
import { EngineError, hasCode, internal, messageOf } from "../errors.ts";
import type { EndpointSettings } from "../formats/docker-api/docker-api.ts";
import type { IdMapping } from "../formats/id-mapping.ts";
import { closeNetns } from "../sys/netns.ts";
import {
  announce,
  closeSandbox,
  forgetSandbox,
  joinedNetworks,
  type OpenSandboxes,
} from "./close-sandbox.ts";
import { type Endpoint, interfaceNameFor } from "./endpoint.ts";
import type { Kernel } from "./kernel.ts";
import { findWantedEndpoints, leaseEndpoint, releaseEndpoint } from "./lease.ts";
import { settleLinkedPorts } from "./linked-ports.ts";
import type { NetnsProcess } from "./live-netns.ts";
import { hasNames, type SandboxNames } from "./names.ts";
import type { NetnsRequest, OpenedNetns } from "./netns-pool.ts";
import { findWantedPorts, formatPortMap, type PortWishes } from "./port-map.ts";
import {
  canPublish,
  electGateways,
  newSandboxId,
  type OpenSandbox,
  type SandboxLink,
  type SandboxOwner,
  type SandboxView,
  targetsOf,
  viewSandbox,
} from "./sandbox.ts";

/** What an owner asks of the network when it starts. */
export interface SandboxRequest extends PortWishes {
  owner: SandboxOwner;
  /** What others call it. */
  ownerName: string;
  /** Another of its names. */
  hostname: string;
  /** The network that its first interface is on, by name or id. */
  mode: string;
  /** What it asks of each network, by name or id. With a NetworkID where it was on it before. */
  endpoints: Record<string, EndpointSettings>;
  macAddress?: string;
  /** It has switched IPv6 off for itself. */
  refusesIpv6?: boolean;
  /** Its own name servers; none for the machine's. */
  nameServers: string[];
  /** On the default bridge. */
  links?: SandboxLink[];
  /** It says itself how many dots a name must have to be asked for as it is. */
  hasNdots: boolean;
  /** Of the user namespace that it gets with its network namespace; undefined for the machine's own. */
  mapping?: IdMapping | undefined;
  /** Path of a user namespace that is there, instead of a new one. */
  userns?: string | undefined;
}

export interface Sandbox extends SandboxView {
  /** Where the runtime finds the namespace, until `release`. */
  netnsPath: string;
  /** Likewise the user namespace that it belongs to; undefined for the machine's own. */
  usernsPath: string | undefined;
  /** Closes our descriptor, once the container's init runs or has failed to. Safe to call twice. @param process that runs in it */
  release(process?: NetnsProcess): void;
}

/** Two seconds in all. */
const [mostTries, pauseMilliseconds] = [40, 50];

/** Makes all that an owner asks for, or nothing. @throws notFound, invalid, forbidden, unavailable, internal */
export async function openSandbox(all: OpenSandboxes, request: SandboxRequest): Promise<Sandbox> {
  const { publishedPorts, store, sandboxes, names } = all;
  const { owner, exposedPorts } = request;
  await closeSandbox(all, owner.id);
  const wanted = findWantedPorts(request.portBindings, exposedPorts, request.publishAll);
  const sandbox = newSandbox(request, takeEndpoints(all, request), names.isAble());
  sandboxes.set(owner.id, sandbox);
  const [netns, ports] = await Promise.allSettled([
    makeNetns(all, sandbox, request),
    publishedPorts.publish(owner.id, wanted, targetsOf(sandbox, all.publishing)),
  ]);
  if (netns.status === "fulfilled" && ports.status === "fulfilled") {
    if (canPublish(sandbox)) sandbox.ports = formatPortMap(ports.value, exposedPorts);
    store.put(sandbox);
    await settleLinkedPorts(all);
    announce(all, "connect", owner.id, joinedNetworks(sandbox));
    return hold(netns.value, sandbox, names);
  }
  if (netns.status === "fulfilled") closeOpened(netns.value);
  if (ports.status === "fulfilled")
    // What is thrown is why there is no sandbox.
    await publishedPorts.unpublish(owner.id).catch((error: unknown) => {
      all.logger.warn({ reason: messageOf(error) }, "ports of a failed start may still be published");
    });
  forgetSandbox(all, sandbox);
  if (ports.status === "rejected") throw portFailure(request.ownerName, sandbox.gateway, ports.reason);
  const reason = netns.status === "rejected" ? netns.reason : undefined;
  throw internal(`failed to create the network sandbox: ${messageOf(reason)}`, reason);
}

function newSandbox(
  { owner, nameServers, hasNdots, links = [] }: SandboxRequest,
  endpoints: Endpoint[],
  isResolverAble: boolean,
): OpenSandbox {
  return {
    ...{ id: newSandboxId(), owner, endpoints, passing: [], nameServers, hasNdots, links },
    ...electGateways(endpoints),
    ports: {},
    hasResolver: isResolverAble && hasNames({ endpoints, hasResolver: false }),
    process: undefined,
    isStarting: true,
    isChanging: false,
    isUnsettled: false,
  };
}

function takeEndpoints(all: OpenSandboxes, request: SandboxRequest): Endpoint[] {
  const { catalog, drivers } = all;
  const { owner, ownerName: name, hostname } = request;
  const endpoints: Endpoint[] = [];
  try {
    for (const [number, want] of findWantedEndpoints(catalog, drivers, request).entries()) {
      const macAddress = number === 0 ? request.macAddress : undefined;
      const interfaceName = interfaceNameFor(want, endpoints);
      endpoints.push(
        leaseEndpoint(all, want, {
          ...{ id: owner.id, name, hostname, macAddress, interfaceName },
          refusesIpv6: request.refusesIpv6 ?? false,
        }),
      );
    }
  } catch (error) {
    for (const endpoint of endpoints) releaseEndpoint(catalog, endpoint);
    throw error;
  }
  return endpoints;
}

async function makeNetns(
  { drivers, kernel, links, logger, repair }: OpenSandboxes,
  { endpoints, gateway, gateway6, hasResolver }: OpenSandbox,
  { mapping, userns }: Pick<SandboxRequest, "mapping" | "userns">,
): Promise<OpenedNetns> {
  for (const { network } of endpoints) await drivers[network.driver].ready(network);
  const plans = endpoints.flatMap((endpoint) => {
    const isGateway = { 4: endpoint.id === gateway, 6: endpoint.id === gateway6 };
    const inside = drivers[endpoint.network.driver].interfaceOf(endpoint, isGateway);
    return inside ? [{ endpoint, inside }] : [];
  });
  const wanted = {
    interfaces: plans.map(({ inside }) => inside),
    redirectsNames: hasResolver,
    mapping,
    userns,
  };
  const netns = await openWhenFree(kernel, wanted).catch(async (error: unknown) => {
    if (!hasCode(error, "ENODEV")) throw error;
    logger.warn("a bridge was gone and is made again");
    await repair();
    await links.reattach(await kernel.listLinks());
    return kernel.openNetns(wanted);
  });
  for (const [number, { endpoint }] of plans.entries()) endpoint.link = netns.links[number];
  return netns;
}

/**
 * A MAC address on a parent link is taken until the interface that had it goes with its namespace, which is a moment after the last
 * process there, such as that of the container that is restarted.
 */
async function openWhenFree(kernel: Kernel, wanted: NetnsRequest): Promise<OpenedNetns> {
  for (let tries = 1; ; tries++) {
    try {
      return await kernel.openNetns(wanted);
    } catch (error) {
      if (!hasCode(error, "EADDRINUSE") || tries === mostTries) throw error;
      await sleep(pauseMilliseconds);
    }
  }
}

function portFailure(ownerName: string, endpointId: string, cause: unknown): EngineError {
  if (cause instanceof EngineError && cause.kind === "notImplemented") return cause;
  const where = `endpoint ${ownerName} (${endpointId})`;
  return internal(`driver failed programming external connectivity on ${where}: ${messageOf(cause)}`, cause);
}

function closeOpened({ fd, userFd, nameSockets }: OpenedNetns): void {
  const all = [fd, ...(userFd === undefined ? [] : [userFd]), ...Object.values(nameSockets ?? {})];
  for (const one of all) closeNetns(one);
}

/** The resolver learns of the names meanwhile. A question that comes earlier waits in the sockets. */
function hold(netns: OpenedNetns, sandbox: OpenSandbox, names: SandboxNames): Sandbox {
  const { fd, userFd, nameSockets: sockets } = netns;
  const pathOf = (one: number) => `/proc/${process.pid}/fd/${one}`;
  const told = names.tell(sandbox, sockets && { pid: process.pid, fd, sockets });
  return {
    ...viewSandbox(sandbox),
    netnsPath: pathOf(fd),
    usernsPath: userFd === undefined ? undefined : pathOf(userFd),
    release(owner) {
      if (!sandbox.isStarting) return;
      sandbox.isStarting = false;
      sandbox.process = owner;
      void told.then(() => {
        closeOpened(netns);
        if (owner) return names.tell(sandbox, owner);
      });
    },
  };
}
