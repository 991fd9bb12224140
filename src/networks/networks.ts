import type { Events } from "../events/events.ts";
import type { Finding } from "../finding.ts";
import type {
  EndpointSettings,
  NetworkCreateRequest,
  NetworkInspect,
} from "../formats/docker-api/docker-api.ts";
import type { IdMapping } from "../formats/id-mapping.ts";
import { formatIpAddress, type IpAddress } from "../formats/ip-address.ts";
import type { Logger } from "../logger.ts";
import type { State } from "../state/state.ts";
import { type Catalog, openCatalog } from "./catalog.ts";
import { createNetworkChanges } from "./changes.ts";
import { checkNetworks } from "./check.ts";
import { checkEndpoints } from "./check-endpoint.ts";
import type { RunningOwner } from "./connect.ts";
import { createDrivers } from "./drivers.ts";
import { gatewayOf } from "./endpoint.ts";
import { createFirewall } from "./firewall.ts";
import { createForeignFirewall } from "./foreign-firewall.ts";
import { createForwarding, forwardingPath } from "./forwarding.ts";
import { createForwardingGuard } from "./forwarding-guard.ts";
import type { EndpointInUse } from "./inspect-network.ts";
import { type Kernel, startKernel } from "./kernel.ts";
import type { NamedOwner } from "./lease.ts";
import type { NetnsProcess } from "./live-netns.ts";
import { networkMarks } from "./marks.ts";
import { createSandboxNames, type Resolver } from "./names.ts";
import type { Sandbox, SandboxRequest } from "./open-sandbox.ts";
import { createPortRelays, type RelayProcess } from "./port-relays.ts";
import { createPortReservations, readFreePorts } from "./ports.ts";
import { createPublishedPorts, type PortsChange } from "./published-ports.ts";
import { linkOf, type NetworkRecord, ownLinkOf } from "./records.ts";
import type { SandboxView } from "./sandbox.ts";
import { createSandboxes, type LeftNetwork } from "./sandboxes.ts";
import type { NetworksConfig } from "./settings.ts";
import { listNetworkWarnings } from "./warnings.ts";
import { watchMachine } from "./watch-machine.ts";
import { watchTable } from "./watch-table.ts";

export type { RunningOwner } from "./connect.ts";
export type { EndpointInUse } from "./inspect-network.ts";
export type { Resolver } from "./names.ts";
export type { Sandbox, SandboxRequest } from "./open-sandbox.ts";
export { findWantedPorts, type Publication } from "./port-map.ts";
export type { RelayProcess } from "./port-relays.ts";
export { isPredefined, type NetworkRecord } from "./records.ts";
export type { SandboxLink, SandboxView } from "./sandbox.ts";

export interface NetworksOptions {
  state: State;
  events: Events;
  logger: Logger;
  /** Link name of the default bridge, up to 15 characters. */
  bridgeName: string;
  /** Name of the nftables table; one per engine on a machine. */
  tableName: string;
  /** Containers of the default bridge have names, too. */
  hasDefaultBridgeNames: boolean;
  /** Asked from the first `open` on. */
  resolver: Resolver;
  relay: RelayProcess;
  /** Never changes; the engine's own IPv6 subnets come of it. */
  engineId: string;
  settings: NetworksConfig;
  /** Of the user namespaces that owners mostly have; undefined for none. */
  mapping?: IdMapping | undefined;
}

export interface Networks {
  /**
   * Makes a container's network namespace with its interfaces, addresses and published ports: everything or nothing.
   * @throws notFound for a network, internal "driver failed programming external connectivity…" for a port, invalid
   */
  open(request: SandboxRequest): Promise<Sandbox>;
  /** After the owner has ended: gives back addresses and ports. One that is not open is no error. */
  close(ownerId: string): Promise<void>;
  /**
   * Joins an owner that runs to one more network: everything or nothing. Its gateway is elected again.
   * @throws notFound, forbidden, invalid, conflict, in Docker's words
   */
  connect(owner: RunningOwner, networkId: string, settings: EndpointSettings): Promise<void>;
  /** The inverse. @throws notFound, internal when it is not on that network */
  disconnect(owner: RunningOwner, networkId: string): Promise<void>;
  /** Owners that were joining or leaving a network when an earlier daemon was killed. */
  unsettled(): string[];
  /**
   * Has one of them leave what it was joining or leaving, and its gateways elected again. What fails is logged.
   * @returns the networks that it is not on by that, also those that it had not joined altogether
   */
  settle(owner: RunningOwner): Promise<LeftNetwork[]>;
  /** Changes the published ports of an owner that runs: all of it, or nothing. @throws internal "Bind for … failed…" */
  changePorts(owner: RunningOwner, change: PortsChange): Promise<void>;
  /** An owner is no longer linked to another. */
  unlink(ownerId: string, targetId: string): Promise<void>;
  /** What an owner has of the networks; undefined when it has no sandbox of its own. */
  view(ownerId: string): SandboxView | undefined;
  /**
   * At daemon start: recreates bridges, table and forwarding, closes what is stored of other owners than these, and deletes
   * orphaned links. `live` is a function because an owner may end meanwhile. Running connections notice nothing.
   */
  adopt(live: () => string[]): Promise<void>;
  /** At daemon start, and for another supervisor: tells resolver and relay all again. @param findProcess of an owner that runs */
  tellAgain(findProcess: (ownerId: string) => NetnsProcess | undefined): Promise<void>;
  /** An owner has another name now. */
  rename(owner: NamedOwner): void;
  list(): NetworkRecord[];
  /** By id, name, or the start of an id that fits one network only. */
  findNetwork(nameOrId: string): NetworkRecord | undefined;
  /** @throws notFound "network X not found", invalid for the start of several ids */
  getNetwork(nameOrId: string): NetworkRecord;
  /** All that it may mean: one by its id or name, else those whose ids begin so. */
  listMatches(nameOrId: string): NetworkRecord[];
  /** Of a container that is being made. @throws invalid for what no network could give it */
  checkEndpoints(endpoints: Record<string, EndpointSettings>): void;
  inspect(record: NetworkRecord, endpointsInUse: EndpointInUse[]): NetworkInspect;
  /** @throws invalid, conflict, notImplemented */
  createNetwork(body: NetworkCreateRequest): Promise<NetworkRecord>;
  /** @throws notFound, forbidden for a predefined network or one with active endpoints */
  removeNetwork(nameOrId: string): Promise<void>;
  /** What `--add-host NAME:host-gateway` stands for, whatever networks a container is on. */
  hostGateways(): string[];
  /** Whether there is to be a network "bridge"; where not, containers that ask for none by name get the loopback alone. */
  hasDefaultBridge: boolean;
  /** Whether anything is on that network now. */
  hasEndpoints(id: string): boolean;
  /** Links, leases and rules that differ from what these owners need. */
  check(live: () => string[]): Promise<Finding[]>;
  /** What `info` says of packets that do not arrive. */
  listWarnings(): Promise<string[]>;
  /** Takes bridges, table and rules of the machine; the records stay. Nothing can be opened afterwards. */
  destroy(): Promise<void>;
  /** Ends the worker thread and lets go of the ports. Bridges, rules and running containers stay as they are. */
  stop(): Promise<void>;
}

/** Brings up the default bridge and the nftables table. */
export async function createNetworks(options: NetworksOptions): Promise<Networks> {
  const kernel = startKernel();
  try {
    return await bringUpNetworks(options, kernel);
  } catch (error) {
    await kernel.close();
    throw error;
  }
}

/** All that works together here, nothing of it done yet. */
async function createParts(options: NetworksOptions, kernel: Kernel) {
  const { state, events, logger, bridgeName, engineId, settings, tableName, hasDefaultBridgeNames } = options;
  const catalog = await openCatalog({
    ...{ state, kernel, bridgeName, tableName, engineId, settings, hasDefaultBridgeNames, logger },
  });
  const guard = createForwardingGuard({
    tableName,
    ...{ kernel, state, isWanted: settings.guardsForwarding && settings.enablesForwarding },
    isOn: async (family) => (await kernel.readSysctls([forwardingPath[family]]))[0] !== "0",
  });
  const forwarding = createForwarding({ kernel, logger, guard, settings });
  const firewall = createFirewall({
    ...{ tableName, kernel, logger, allowsDirectRouting: settings.allowsDirectRouting },
    onScript: (pid) => watch.expect(pid),
    onSight: guard.follow,
  });
  const foreignFirewall = createForeignFirewall(tableName, kernel, logger);
  const unmade = new Set<string>();
  const bridges = () => catalog.bridges().filter(({ link }) => !unmade.has(link));
  const watch = watchTable({
    ...{ tableName, ownPort: await kernel.netfilterPort(), logger, firewall, foreignFirewall },
    acceptBridges: () => foreignFirewall.accept(bridges()),
  });
  const reservations = createPortReservations(readFreePorts());
  const names = createSandboxNames(options.resolver, logger);
  const relays = createPortRelays(options.relay, reservations.socketOf, logger);
  const publishedPorts = createPublishedPorts({ firewall, reservations, relays, logger });
  const drivers = createDrivers({
    ...{ kernel, logger, firewall, foreignFirewall, bridges, unmade, tableName },
    forward: () => forwarding.enable(bridges()),
    forwardFromBridges: () => forwarding.enableFor(bridges()),
    networks: () => catalog.list(),
  });

  const changes = createNetworkChanges({ catalog, drivers, events });
  /** In turn: a network that came or went meanwhile would be taken for a stray one, or made again. */
  const bringUp = () =>
    changes.inTurn(async () => {
      const all = catalog.list();
      for (const [name, driver] of Object.entries(drivers))
        await driver.restore(all.filter((network) => network.driver === name));
    });

  const sandboxes = createSandboxes({
    ...{ state, catalog, drivers, tableName, kernel, publishedPorts, names, events, logger },
    publishing: { publishAddress: settings.publishAddress, canRelay: relays.isAble },
    repair: bringUp,
  });
  const needs = { tableName, catalog, kernel, enablesForwarding: settings.enablesForwarding };
  return { catalog, changes, drivers, firewall, foreignFirewall, guard, watch, sandboxes, needs, bringUp };
}

async function bringUpNetworks(options: NetworksOptions, kernel: Kernel): Promise<Networks> {
  const { logger } = options;
  const parts = await createParts(options, kernel);
  const { catalog, changes, drivers, firewall, sandboxes, needs, bringUp } = parts;
  const { list, findNetwork, getNetwork, listMatches, inspect, hasDefaultBridge } = catalog;

  async function adopt(live: () => string[]): Promise<void> {
    await bringUp();
    await sandboxes.adopt(live);
    const left = hasDefaultBridge ? undefined : findDefaultBridge(catalog);
    if (left) await changes.withdraw(left, sandboxes.endpointsOn);
  }

  try {
    await bringUp();
    if (hasDefaultBridge) await drivers.bridge.ready(getNetwork("bridge"));
    await kernel.prepare(options.mapping);
  } catch (error) {
    parts.watch.stop();
    throw error;
  }
  const machine = watchMachine({
    ...{ ...needs, logger },
    isNeeded: (link) => catalog.list().some((network) => linkOf(network) === link),
    async repair() {
      await bringUp();
      await sandboxes.reattach();
    },
  });
  const stop = () => Promise.all([parts.watch, machine, sandboxes].map((one) => one.stop()));
  const { open, close, unsettled, settle, changePorts, unlink, view, rename, tellAgain } = sandboxes;
  return {
    ...{ open, close, unsettled, settle, changePorts, unlink, view, rename, tellAgain },
    connect: async (owner, id, settings) => sandboxes.connect(owner, getNetwork(id), settings),
    disconnect: async (owner, id) => sandboxes.disconnect(owner, getNetwork(id)),
    adopt,
    check: (live) => checkNetworks({ ...needs, firewall, sandboxes, repair: () => adopt(live) }, live()),
    listWarnings: () => listNetworkWarnings({ ...needs, logger }),
    ...{ list, findNetwork, getNetwork, listMatches, inspect, hasDefaultBridge },
    checkEndpoints: (endpoints) => checkEndpoints(findNetwork, endpoints),
    createNetwork: (body) => changes.create(body),
    removeNetwork: (nameOrId) => changes.remove(nameOrId, sandboxes.endpointsOn),
    hostGateways: () => hostGatewaysOf(options.settings, findDefaultBridge(catalog)).map(formatIpAddress),
    hasEndpoints: (id) => sandboxes.endpointsOn(id).length > 0,
    destroy: () =>
      changes.inTurn(async () => {
        await stop();
        await takeDown(parts, options.tableName, kernel);
        await kernel.close();
      }),
    async stop() {
      await stop();
      await kernel.close();
    },
  };
}

async function takeDown(
  { catalog, firewall, foreignFirewall, guard }: Awaited<ReturnType<typeof createParts>>,
  tableName: string,
  kernel: Kernel,
): Promise<void> {
  await guard.noteTakeDown();
  await firewall.destroy();
  await foreignFirewall.accept([]);
  for (const link of catalog.list().flatMap((network) => ownLinkOf(network) ?? []))
    await kernel.removeOwnLink({ name: link, marks: networkMarks(tableName) });
}

const findDefaultBridge = ({ list }: Catalog) => list().find(({ name }) => name === "bridge");

function hostGatewaysOf(
  { hostGateways }: NetworksConfig,
  bridge: NetworkRecord | undefined,
): readonly IpAddress[] {
  if (hostGateways.length > 0 || !bridge) return hostGateways;
  return ([4, 6] as const).flatMap((family) => gatewayOf(bridge, family) ?? []);
}
