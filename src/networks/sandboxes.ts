import { type EngineError, hasCode, internal, messageOf } from "../errors.ts";
import type { Events } from "../events/events.ts";
import type { EndpointSettings, PortMap } from "../formats/docker-api.ts";
import type { Logger } from "../logger.ts";
import type { Link } from "../sys/link-message.ts";
import { closeNetns } from "../sys/netns.ts";
import type { Catalog } from "./catalog.ts";
import {
  adoptEndpoints,
  type Endpoint,
  findWantedEndpoints,
  interfacesOf,
  leaseEndpoint,
} from "./endpoints.ts";
import type { Kernel } from "./kernel.ts";
import {
  findWantedPorts,
  formatPortMap,
  type Publication,
  parsePortMap,
  type WantedPort,
} from "./port-map.ts";
import type { PublishedPorts } from "./published-ports.ts";

/** What a container asks of the network when it starts. */
export interface SandboxRequest {
  containerId: string;
  containerName: string;
  hostname: string;
  /** "bridge", "none", or a network's name or id. */
  mode: string;
  /** As the user gave them, by network name or id; not the results of an earlier start. */
  endpoints: Record<string, EndpointSettings>;
  portBindings: PortMap;
  exposedPorts: string[];
  publishAll: boolean;
  macAddress?: string;
}

export interface Sandbox {
  /** Where the runtime finds the namespace, until `release`. */
  netnsPath: string;
  /** By network name. */
  endpoints: Record<string, EndpointSettings>;
  /** `NetworkSettings.Ports`: what was really bound, null for what is exposed only. */
  ports: PortMap;
  /** Closes our descriptor, once the container's init runs or has failed to. Safe to call twice. */
  release(): void;
}

/** A container found running when the daemon starts, with what its `Sandbox` said. */
export interface LiveContainer {
  containerId: string;
  endpoints: Record<string, EndpointSettings>;
  ports: PortMap;
}

export interface Sandboxes {
  open(request: SandboxRequest): Promise<Sandbox>;
  close(containerId: string): Promise<void>;
  adopt(live: LiveContainer[]): Promise<void>;
  countEndpoints(networkId: string): number;
  /** What is open now, by container, and which links of our bridges there are. */
  survey(): Promise<{ open: ReadonlyMap<string, Readonly<OpenSandbox>>; links: Link[] }>;
  stop(): void;
}

interface SandboxesOptions {
  catalog: Catalog;
  kernel: Kernel;
  publishedPorts: PublishedPorts;
  /** Makes bridges and rules as they must be. */
  repair(): Promise<void>;
  events: Events;
  logger: Logger;
}

/** What one running container holds of the network, besides its ports. */
export interface OpenSandbox {
  containerId: string;
  endpoints: Endpoint[];
  /** Host ends of its interfaces. */
  links: string[];
  /** From `open` to `release`: nobody else can know of it yet. */
  isStarting: boolean;
}

/** How long after its container's end a link may still be on its way out with its namespace. */
const sweepDelayMilliseconds = 1000;

export function createSandboxes(options: SandboxesOptions): Sandboxes {
  const { catalog, kernel, publishedPorts, events, logger } = options;
  const sandboxes = new Map<string, OpenSandbox>();
  let sweep: NodeJS.Timeout | undefined;

  function takeEndpoints(request: SandboxRequest): Endpoint[] {
    const { containerId: id, containerName: name } = request;
    const wanted = findWantedEndpoints(catalog, request.mode, request.endpoints);
    const endpoints: Endpoint[] = [];
    try {
      for (const [number, want] of wanted.entries()) {
        const macAddress = number === 0 ? request.macAddress : undefined;
        endpoints.push(leaseEndpoint(catalog, want, { id, name, macAddress }));
      }
    } catch (error) {
      releaseEndpoints(endpoints);
      throw error;
    }
    return endpoints;
  }

  function releaseEndpoints(endpoints: Endpoint[]): void {
    for (const { network, address } of endpoints) {
      if (address !== undefined) catalog.poolOf(network).release(address);
    }
  }

  async function makeNetns(sandbox: OpenSandbox): Promise<number> {
    const { containerId, endpoints } = sandbox;
    const request = { containerId, interfaces: interfacesOf(endpoints) };
    const { fd, links } = await kernel.openNetns(request).catch(async (error: unknown) => {
      if (!hasCode(error, "ENODEV")) throw error;
      logger.warn("a bridge was gone and is made again");
      await options.repair();
      await reattach(await kernel.listLinks());
      return kernel.openNetns(request);
    });
    sandbox.links = links;
    return fd;
  }

  function publish({ containerId, endpoints }: OpenSandbox, wanted: WantedPort[]): Promise<Publication[]> {
    const address = endpoints[0]?.address;
    return address === undefined ? Promise.resolve([]) : publishedPorts.publish(containerId, wanted, address);
  }

  async function open(request: SandboxRequest): Promise<Sandbox> {
    const { containerId, containerName } = request;
    await close(containerId);
    const wanted = findWantedPorts(request.portBindings, request.exposedPorts, request.publishAll);
    const endpoints = takeEndpoints(request);
    const sandbox: OpenSandbox = { containerId, endpoints, links: [], isStarting: true };
    sandboxes.set(containerId, sandbox);
    const [netns, ports] = await Promise.allSettled([makeNetns(sandbox), publish(sandbox, wanted)]);
    if (netns.status === "fulfilled" && ports.status === "fulfilled") {
      announce("connect", sandbox);
      return toSandbox(netns.value, sandbox, formatPortMap(ports.value, request.exposedPorts));
    }
    if (netns.status === "fulfilled") closeNetns(netns.value);
    if (ports.status === "fulfilled") await publishedPorts.unpublish(containerId);
    sandboxes.delete(containerId);
    releaseEndpoints(endpoints);
    scheduleSweep();
    if (ports.status === "rejected") throw portFailure(containerName, endpoints[0], ports.reason);
    const reason = netns.status === "rejected" ? netns.reason : undefined;
    throw internal(`failed to create the network sandbox: ${messageOf(reason)}`, reason);
  }

  async function close(containerId: string): Promise<void> {
    const sandbox = sandboxes.get(containerId);
    sandboxes.delete(containerId);
    await publishedPorts.unpublish(containerId);
    if (!sandbox) return;
    releaseEndpoints(sandbox.endpoints);
    announce("disconnect", sandbox);
    scheduleSweep();
  }

  function scheduleSweep(): void {
    clearTimeout(sweep);
    sweep = setTimeout(() => {
      removeOrphans().catch((error) =>
        logger.warn({ reason: messageOf(error) }, "links of ended containers could not be removed"),
      );
    }, sweepDelayMilliseconds);
    sweep.unref();
  }

  async function bridgeLinks(): Promise<Link[]> {
    const links = await kernel.listLinks();
    const names = new Set(catalog.bridges().map((bridge) => bridge.link));
    const bridges = new Set(links.filter(({ name }) => names.has(name)).map(({ index }) => index));
    return links.filter(({ kind, master }) => kind === "veth" && bridges.has(master));
  }

  /** Removes links of our bridges whose container is gone, such as one kept by a stray process in its namespace. */
  async function removeOrphans(): Promise<void> {
    for (const { name, alias } of await bridgeLinks()) {
      if (!sandboxes.get(alias)?.links.includes(name)) await kernel.removeLink(name);
    }
  }

  function announce(action: "connect" | "disconnect", { containerId, endpoints }: OpenSandbox): void {
    for (const { network } of endpoints)
      events.publish("network", action, network.id, {
        container: containerId,
        name: network.name,
        type: network.driver,
      });
  }

  return {
    open,
    close,
    async adopt(live) {
      for (const sandbox of [...sandboxes.values()]) {
        if (sandbox.isStarting) continue;
        sandboxes.delete(sandbox.containerId);
        releaseEndpoints(sandbox.endpoints);
      }
      const starting = new Set(sandboxes.keys());
      const found = live.filter(({ containerId }) => !starting.has(containerId));
      for (const { containerId, endpoints } of found) {
        const adopted = adoptEndpoints(catalog, endpoints, logger);
        sandboxes.set(containerId, { containerId, endpoints: adopted, links: [], isStarting: false });
      }
      await reattach(await kernel.listLinks());
      const publications = found.flatMap(({ containerId, ports }) => {
        const address = sandboxes.get(containerId)?.endpoints[0]?.address;
        return address === undefined ? [] : [[containerId, parsePortMap(ports, address)] as const];
      });
      await publishedPorts.adopt(new Map(publications), starting);
      await removeOrphans();
    },
    countEndpoints: (networkId) =>
      [...sandboxes.values()].filter(({ endpoints }) =>
        endpoints.some(({ network }) => network.id === networkId),
      ).length,
    async survey() {
      const links = await bridgeLinks();
      return { open: new Map(sandboxes), links };
    },
    stop() {
      clearTimeout(sweep);
      publishedPorts.stop();
    },
  };

  /** Finds the links of adopted containers again, and puts those under their bridge that have lost it. */
  async function reattach(links: Link[]): Promise<void> {
    for (const { name, alias, master, kind } of links) {
      const sandbox = kind === "veth" ? sandboxes.get(alias) : undefined;
      if (!sandbox) continue;
      if (!sandbox.links.includes(name)) sandbox.links.push(name);
      const bridge = sandbox.endpoints.length === 1 ? sandbox.endpoints[0]?.network.bridge : undefined;
      if (master === 0 && bridge)
        await kernel.attach({
          name,
          bridge: bridge.link,
          mtu: bridge.mtu,
          containerId: sandbox.containerId,
        });
    }
  }
}

function portFailure(containerName: string, endpoint: Endpoint | undefined, cause: unknown): EngineError {
  const where = `endpoint ${containerName} (${endpoint?.settings.EndpointID ?? ""})`;
  return internal(`driver failed programming external connectivity on ${where}: ${messageOf(cause)}`, cause);
}

function toSandbox(fd: number, sandbox: OpenSandbox, ports: PortMap): Sandbox {
  const { endpoints } = sandbox;
  return {
    netnsPath: `/proc/${process.pid}/fd/${fd}`,
    endpoints: Object.fromEntries(endpoints.map(({ network, settings }) => [network.name, settings])),
    ports: endpoints.some(({ address }) => address !== undefined) ? ports : {},
    release() {
      if (sandbox.isStarting) closeNetns(fd);
      sandbox.isStarting = false;
    },
  };
}
