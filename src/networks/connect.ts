import { conflict, forbidden, hasCode, internal, messageOf } from "../errors.ts";
import type { EndpointSettings } from "../formats/docker-api/docker-api.ts";
import { checkEndpoint } from "./check-endpoint.ts";
import type { OpenSandboxes } from "./close-sandbox.ts";
import { type Endpoint, interfaceNameFor, wayOut } from "./endpoint.ts";
import { checkCompany, leaseEndpoint, type NamedOwner, releaseEndpoint } from "./lease.ts";
import { settleLinkedPorts } from "./linked-ports.ts";
import type { NetnsProcess } from "./live-netns.ts";
import { hasNames } from "./names.ts";
import { formatPortMap, type PortWishes } from "./port-map.ts";
import type { NetworkRecord } from "./records.ts";
import { electGateways, type OpenSandbox } from "./sandbox.ts";
import { settlePorts } from "./settle-ports.ts";

/** A sandbox whose owner runs. */
export interface RunningOwner extends NamedOwner {
  process: NetnsProcess;
  ports: PortWishes;
  /** It has switched IPv6 off for itself. */
  refusesIpv6: boolean;
}

type Connections = Pick<
  OpenSandboxes,
  | "logger"
  | "sandboxes"
  | "catalog"
  | "tableName"
  | "drivers"
  | "kernel"
  | "publishedPorts"
  | "publishing"
  | "store"
  | "names"
  | "repair"
>;

/** Joins a running owner's sandbox to one more network: everything or nothing. @throws forbidden, invalid, conflict, unavailable */
export async function connectSandbox(
  connections: Connections,
  sandbox: OpenSandbox,
  owner: RunningOwner,
  network: NetworkRecord,
  settings: EndpointSettings,
): Promise<void> {
  const { drivers, store } = connections;
  if (sandbox.endpoints.some((endpoint) => endpoint.network.id === network.id))
    throw forbidden(`endpoint with name ${owner.name} already exists in network ${network.name}`);
  checkEndpoint(network, network.name, settings);
  checkCompany(drivers, [network, ...sandbox.endpoints.map((endpoint) => endpoint.network)]);
  const wanted = { network, settings };
  const interfaceName = interfaceNameFor(wanted, sandbox.endpoints);
  const named = { ...owner, macAddress: undefined, interfaceName };
  const endpoint = leaseEndpoint(connections, wanted, named);
  let isPlugged = false;
  sandbox.endpoints.push(endpoint);
  sandbox.passing = [...sandbox.passing, endpoint];
  try {
    // First into the records: after a daemon that was killed meanwhile the next one takes it away.
    store.put(sandbox);
    await plug(connections, owner, endpoint);
    isPlugged = true;
    await settleGateway(connections, sandbox, owner, { isLess: false });
    await settleNames(connections, sandbox, owner);
  } catch (error) {
    if (isPlugged) await unplug(connections, owner, endpoint).catch(() => {});
    await leave(connections, sandbox, owner, [endpoint]).catch(() => {});
    throw explain(error, owner, interfaceName);
  }
  sandbox.passing = sandbox.passing.filter((one) => one !== endpoint);
  store.put(sandbox);
  await settleLinkedPorts(connections);
}

/** @throws internal in Docker's words when it is not on that network */
export async function disconnectSandbox(
  connections: Connections,
  sandbox: OpenSandbox,
  owner: RunningOwner,
  network: NetworkRecord,
): Promise<void> {
  const endpoint = sandbox.endpoints.find((one) => one.network.id === network.id);
  if (!endpoint) throw internal(`container ${owner.id} is not connected to network ${network.name}`);
  // First in the records: a link that they do not name is swept away, one that is missing would be a fault.
  sandbox.passing = [...sandbox.passing, endpoint];
  sandbox.endpoints = sandbox.endpoints.filter((one) => one !== endpoint);
  connections.store.put(sandbox);
  try {
    await unplug(connections, owner, endpoint);
  } catch (error) {
    await leave(connections, sandbox, owner, [endpoint]).catch((later: unknown) =>
      connections.logger.warn({ reason: messageOf(later) }, "a network was not left as it should be"),
    );
    // What failed first is the reason.
    throw error;
  }
  await leave(connections, sandbox, owner, [endpoint]);
}

/**
 * Completes what a killed daemon had begun: the sandbox leaves the networks that it was joining or leaving, and its default routes
 * and ports follow. What fails is logged.
 * @returns the endpoints that it has left
 */
export async function settleSandbox(
  connections: Connections,
  sandbox: OpenSandbox,
  owner: RunningOwner,
): Promise<readonly Endpoint[]> {
  const left = sandbox.passing;
  const complain = (error: unknown) =>
    connections.logger.warn(
      { reason: messageOf(error), ownerId: owner.id },
      "what an earlier daemon began was not carried through",
    );
  for (const endpoint of left) await unplug(connections, owner, endpoint).catch(complain);
  // Nothing says where its default routes lead.
  await leave(connections, sandbox, owner, left, { 4: "", 6: "" }).catch(complain);
  sandbox.isUnsettled = false;
  return left;
}

/**
 * What is left is forgotten whatever fails, and its addresses are others' only when no name leads there.
 * @param gateways as they are now, by family: ids of the endpoints that the default routes lead through
 */
async function leave(
  connections: Connections,
  sandbox: OpenSandbox,
  owner: RunningOwner,
  left: readonly Endpoint[],
  gateways: Record<4 | 6, string> = { 4: sandbox.gateway, 6: sandbox.gateway6 },
): Promise<void> {
  const { catalog, names, publishedPorts, store } = connections;
  sandbox.endpoints = sandbox.endpoints.filter((one) => !left.includes(one));
  try {
    await names.tell(sandbox, owner.process);
    await settleGateway(connections, sandbox, owner, { isLess: true, gateways });
  } catch (error) {
    sandbox.ports = formatPortMap(publishedPorts.listOf(owner.id), owner.ports.exposedPorts);
    throw error;
  } finally {
    // One that has ended meanwhile has given back its addresses itself.
    const leased = sandbox.passing.filter((one) => left.includes(one));
    sandbox.passing = sandbox.passing.filter((one) => !left.includes(one));
    store.put(sandbox);
    for (const endpoint of left) store.deleteEndpoint(endpoint.id);
    for (const endpoint of leased) releaseEndpoint(catalog, endpoint);
    await settleLinkedPorts(connections);
  }
}

/** With its first network that has names it gets a resolver, which it then keeps. */
async function settleNames(
  { kernel, names }: Connections,
  sandbox: OpenSandbox,
  { process }: RunningOwner,
): Promise<void> {
  sandbox.process = process;
  if (!sandbox.hasResolver && hasNames(sandbox) && names.isAble()) {
    await kernel.redirectNames(process);
    sandbox.hasResolver = true;
  }
  await names.tell(sandbox, process);
}

function explain(error: unknown, owner: RunningOwner, interfaceName: string): unknown {
  if (hasCode(error, "ESRCH")) return conflict(`container ${owner.id} is not running`, error);
  if (hasCode(error, "EEXIST"))
    return conflict(
      `failed to add interface ${interfaceName} to sandbox: file exists: the container has made it itself`,
      error,
    );
  return error;
}

async function plug({ drivers, kernel, repair }: Connections, { process }: RunningOwner, endpoint: Endpoint) {
  await drivers[endpoint.network.driver].ready(endpoint.network);
  const settings = drivers[endpoint.network.driver].interfaceOf(endpoint, { 4: false, 6: false });
  if (!settings) return;
  endpoint.link = await kernel.plug({ process, settings }).catch(async (error: unknown) => {
    if (!hasCode(error, "ENODEV")) throw error;
    await repair();
    return kernel.plug({ process, settings });
  });
}

/** One that has ended meanwhile has taken its interfaces with it. */
async function unplug({ kernel }: Connections, { process }: RunningOwner, endpoint: Endpoint): Promise<void> {
  const { link, network, interfaceName: name } = endpoint;
  if (link) await kernel.removeLink(link);
  if (!network.uplink) return;
  await kernel.unplug({ process, name, kind: network.driver }).catch((error: unknown) => {
    if (!hasCode(error, "ESRCH")) throw error;
  });
}

interface GatewayChange {
  /** The sandbox has lost a network. */
  isLess: boolean;
  /** Ids of the endpoints that the default routes lead through now, by family. */
  gateways?: Record<4 | 6, string>;
}

/** Default routes and published ports follow the gateways that are elected now. */
async function settleGateway(
  connections: Connections,
  sandbox: OpenSandbox,
  owner: RunningOwner,
  { isLess, gateways = { 4: sandbox.gateway, 6: sandbox.gateway6 } }: GatewayChange,
): Promise<void> {
  const elected = electGateways(sandbox.endpoints);
  for (const [family, key] of [[4, "gateway"] as const, [6, "gateway6"] as const]) {
    const id = elected[key];
    if (id !== gateways[family]) {
      const endpoint = sandbox.endpoints.find((one) => one.id === id);
      const gateway = endpoint && wayOut(endpoint, family);
      const route = endpoint && gateway ? { gateway, interfaceName: endpoint.interfaceName } : undefined;
      await connections.kernel.setDefaultRoute({ process: owner.process, family, route });
    }
    // Noted at once: when the other family's route cannot be set, this one has to be set back.
    sandbox[key] = id;
  }
  await settlePorts(connections, sandbox, owner, isLess);
}
