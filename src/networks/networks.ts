import type { Events } from "../events/events.ts";
import type { Finding } from "../finding.ts";
import type { NetworkInspect } from "../formats/docker-api.ts";
import { parseIpv4, parseSubnet } from "../formats/ip-address.ts";
import type { Logger } from "../logger.ts";
import type { State } from "../state/state.ts";
import { bridgeMark, findStrayBridges } from "./bridges.ts";
import { openCatalog } from "./catalog.ts";
import { checkNetworks } from "./check.ts";
import { createFirewall } from "./firewall.ts";
import { createForeignFirewall } from "./foreign-firewall.ts";
import { type Kernel, startKernel } from "./kernel.ts";
import type { BridgeSettings } from "./links.ts";
import { createPortReservations, readFreePorts } from "./ports.ts";
import { createPublishedPorts } from "./published-ports.ts";
import type { BridgeRecord, EndpointInUse, NetworkRecord } from "./records.ts";
import { createSandboxes, type LiveContainer, type Sandbox, type SandboxRequest } from "./sandboxes.ts";
import type { NetworkCreateBody } from "./user-network.ts";

export type { EndpointInUse, NetworkRecord } from "./records.ts";
export type { LiveContainer, Sandbox } from "./sandboxes.ts";

export interface NetworksOptions {
  state: State;
  events: Events;
  logger: Logger;
  /** Link name of the default bridge, up to 15 characters. */
  bridgeName: string;
  /** Address of the default bridge with its prefix length, "172.17.0.1/16". Absent: the first free default pool. */
  bip?: string;
  /** Name of the nftables table; one per engine on a machine. */
  tableName: string;
}

export interface Networks {
  /**
   * Makes a container's network namespace with its interfaces, addresses and published ports: everything or nothing.
   * @throws notFound for a network, internal "driver failed programming external connectivity…" for a port, invalid
   */
  open(request: SandboxRequest): Promise<Sandbox>;
  /** After the container has ended: gives back addresses and ports. A container that is not open is no error. */
  close(containerId: string): Promise<void>;
  /**
   * At daemon start, with the containers found running (asked for late, since one may end meanwhile): bridges, table and forwarding are made as they must be, leases
   * and published ports made equal to exactly these, links of nobody removed. Running connections notice nothing.
   */
  adopt(live: () => LiveContainer[]): Promise<void>;
  list(): NetworkRecord[];
  /** By name, id, or the start of an id that fits one network only. */
  findNetwork(nameOrId: string): NetworkRecord | undefined;
  /** @throws notFound "network X not found" */
  getNetwork(nameOrId: string): NetworkRecord;
  inspect(record: NetworkRecord, endpointsInUse: EndpointInUse[]): NetworkInspect;
  /** @throws invalid, conflict, notImplemented */
  createNetwork(body: NetworkCreateBody): Promise<NetworkRecord>;
  /** @throws notFound, forbidden for a predefined network or one with active endpoints */
  removeNetwork(nameOrId: string): Promise<void>;
  /** What of links, leases and rules is not as it must be with these containers running. */
  check(live: () => LiveContainer[]): Promise<Finding[]>;
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

async function bringUpNetworks(options: NetworksOptions, kernel: Kernel): Promise<Networks> {
  const { state, events, logger, bridgeName, bip, tableName } = options;
  const firewall = createFirewall(tableName, kernel);
  const foreignFirewall = createForeignFirewall(tableName, logger);
  const reservations = createPortReservations(readFreePorts());
  const catalog = await openCatalog({ state, kernel, bridgeName, bip, logger });
  const bridges = () => catalog.bridges();
  const publishedPorts = createPublishedPorts({ firewall, reservations, bridges, logger });
  const sandboxes = createSandboxes({ catalog, kernel, publishedPorts, repair: bringUp, events, logger });

  async function bringUp(): Promise<void> {
    const before = await kernel.setSysctl({ path: "net/ipv4/ip_forward", value: "1" });
    if (before !== "1") logger.info("enabled IPv4 forwarding (net.ipv4.ip_forward)");
    for (const bridge of catalog.bridges())
      await kernel.ensureBridge(settingsOf(bridge, bridgeMark(tableName)));
    for (const name of findStrayBridges(await kernel.listLinks(), catalog.bridges(), tableName)) {
      await kernel.removeLink(name);
    }
    await firewall.install(catalog.bridges());
    await foreignFirewall.accept(catalog.bridges());
  }

  async function adopt(live: () => LiveContainer[]): Promise<void> {
    await bringUp();
    await sandboxes.adopt(live());
  }

  let last: Promise<unknown> = Promise.resolve();
  /** One after the other: a bridge that is still being made must not outlive `destroy`. */
  function inTurn<R>(change: () => Promise<R>): Promise<R> {
    const done = last.then(change);
    last = done.catch(() => {});
    return done;
  }

  await bringUp();
  await kernel.prepare();

  return {
    open: (request) => sandboxes.open(request),
    close: (containerId) => sandboxes.close(containerId),
    adopt,
    check: (live) =>
      checkNetworks(
        { tableName, catalog, kernel, firewall, publishedPorts, sandboxes, repair: () => adopt(live) },
        live(),
      ),
    list: () => catalog.list(),
    findNetwork: (nameOrId) => catalog.findNetwork(nameOrId),
    getNetwork: (nameOrId) => catalog.getNetwork(nameOrId),
    inspect: (record, endpoints) => catalog.inspect(record, endpoints),
    createNetwork: (body) => inTurn(() => createNetwork(body)),
    removeNetwork: (nameOrId) =>
      inTurn(async () => {
        const record = catalog.getNetwork(nameOrId);
        catalog.checkRemovable(record, sandboxes.countEndpoints(record.id));
        await removeRecord(record);
        events.publish("network", "destroy", record.id, { name: record.name, type: record.driver });
      }),
    destroy: () =>
      inTurn(async () => {
        sandboxes.stop();
        await firewall.destroy();
        await foreignFirewall.accept([]);
        for (const bridge of catalog.bridges()) await kernel.removeLink(bridge.link);
        await kernel.close();
      }),
    async stop() {
      sandboxes.stop();
      await kernel.close();
    },
  };

  async function createNetwork(body: NetworkCreateBody): Promise<NetworkRecord> {
    const record = await catalog.create(body);
    try {
      await bringUp();
    } catch (error) {
      await removeRecord(record);
      throw error;
    }
    events.publish("network", "create", record.id, { name: record.name, type: record.driver });
    return record;
  }

  async function removeRecord(record: NetworkRecord): Promise<void> {
    catalog.delete(record);
    if (record.bridge) await kernel.removeLink(record.bridge.link);
    await firewall.install(catalog.bridges());
    await foreignFirewall.accept(catalog.bridges());
  }
}

function settingsOf({ link, subnet, gateway, mtu }: BridgeRecord, alias: string): BridgeSettings {
  const { prefixLength } = parseSubnet(subnet) ?? { prefixLength: 0 };
  return { name: link, gateway: parseIpv4(gateway) ?? 0, prefixLength, mtu, alias };
}
