import { conflict, type EngineError, invalid, notFound } from "../errors.ts";
import type { NetworkCreateRequest, NetworkInspect } from "../formats/docker-api/docker-api.ts";
import type { Logger } from "../logger.ts";
import type { State } from "../state/state.ts";
import { type Bridge, bridgeOf } from "./bridge.ts";
import { settleDefaultBridge, sourcesOf } from "./default-bridge.ts";
import type { NetworkDrivers } from "./drivers.ts";
import { networkSources } from "./free-subnets.ts";
import { type EndpointInUse, inspectNetwork } from "./inspect-network.ts";
import { type AddressPool, createAddressPool } from "./ipam.ts";
import type { Kernel } from "./kernel.ts";
import { checkNetworkName, newNetwork } from "./new-network.ts";
import { type NetworkRecord, networkKind, newBareNetwork, poolsOf } from "./records.ts";
import { type NetworksConfig, noBridge } from "./settings.ts";
import { surveySurroundings } from "./surroundings.ts";

/** The networks there are, with their address pools. */
export interface Catalog {
  list(): NetworkRecord[];
  findNetwork(nameOrId: string): NetworkRecord | undefined;
  getNetwork(nameOrId: string): NetworkRecord;
  /** All that it may mean: one by its id or name, else those whose ids begin so. */
  listMatches(nameOrId: string): NetworkRecord[];
  inspect(record: NetworkRecord, endpoints: EndpointInUse[]): NetworkInspect;
  bridges(): Bridge[];
  /** Whether containers are called by name there. */
  isNamed(record: NetworkRecord): boolean;
  /** Its addresses of a family, by subnet; none where the network has none. */
  addressPools(record: NetworkRecord, family: 4 | 6): AddressPool[];
  /** Whether there is to be one. */
  hasDefaultBridge: boolean;
  /** @throws invalid, conflict, forbidden, notImplemented */
  create(body: NetworkCreateRequest, drivers: NetworkDrivers): Promise<NetworkRecord>;
  delete(record: NetworkRecord): void;
}

interface CatalogOptions {
  state: State;
  kernel: Kernel;
  logger: Logger;
  /** Of the default bridge; `noBridge` where there is to be none. */
  bridgeName: string;
  tableName: string;
  engineId: string;
  settings: NetworksConfig;
  hasDefaultBridgeNames: boolean;
}

export async function openCatalog(options: CatalogOptions): Promise<Catalog> {
  const { state, kernel, logger, settings } = options;
  const stored = state.records(networkKind);
  const records = stored.load();
  const sources = sourcesOf(settings, options.engineId, networkSources);
  /** By family, then by the network's id. */
  const pools = { 4: new Map<string, AddressPool[]>(), 6: new Map<string, AddressPool[]>() };

  function save(record: NetworkRecord): void {
    stored.put(record.id, record);
    records.set(record.id, record);
  }
  const list = () => [...records.values()];
  const byName = (name: string) => list().find((record) => record.name === name);

  for (const [name, driver] of [
    ["host", "host"],
    ["none", "null"],
  ] as const) {
    if (!byName(name)) save(newBareNetwork(name, driver));
  }
  const hasDefaultBridge = options.bridgeName !== noBridge;
  // Containers that run may still be on one that is no longer wanted.
  const settled = hasDefaultBridge ? await settleDefaultBridge(options, list()) : undefined;
  if (settled) save(settled);

  function listMatches(nameOrId: string): NetworkRecord[] {
    const exact = records.get(nameOrId) ?? byName(nameOrId);
    if (exact) return [exact];
    return list().filter(({ id }) => id.startsWith(nameOrId));
  }

  return {
    list,
    listMatches,
    findNetwork(nameOrId) {
      const found = nameOrId === "" ? [] : listMatches(nameOrId);
      return found.length === 1 ? found[0] : undefined;
    },
    getNetwork(nameOrId) {
      const [found, ...others] = listMatches(nameOrId);
      if (!found) throw notFound(`network ${nameOrId} not found`);
      if (others.length > 0) throw ambiguous(nameOrId, others.length + 1);
      return found;
    },
    inspect: inspectNetwork,
    hasDefaultBridge,
    bridges: () => list().flatMap((record) => bridgeOf(record) ?? []),
    isNamed: ({ name }) => name !== "bridge" || options.hasDefaultBridgeNames,
    addressPools(record, family) {
      const known = pools[family].get(record.id);
      if (known) return known;
      const owner = `${record.name} (${record.id})`;
      const made = poolsOf(record, family).map((pool) => createAddressPool(pool, owner));
      pools[family].set(record.id, made);
      return made;
    },
    async create(body, drivers) {
      const name = body.Name ?? "";
      checkNetworkName(name);
      const surroundings = await surveySurroundings(kernel, list(), sources);
      if (byName(name)) throw conflict(`network with name ${name} already exists`);
      const record = newNetwork(body, drivers, surroundings, settings.defaultOptions);
      save(record);
      for (const problem of surroundings.clashesOf(record)) logger.warn({ network: name }, problem);
      return record;
    },
    delete(record) {
      stored.delete(record.id);
      records.delete(record.id);
      for (const family of [4, 6] as const) pools[family].delete(record.id);
    },
  };
}

const ambiguous = (text: string, count: number): EngineError =>
  invalid(`network ${text} is ambiguous (${count} matches found based on ID prefix)`);
