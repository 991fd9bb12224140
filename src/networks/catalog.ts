import { conflict, forbidden, invalid, notFound } from "../errors.ts";
import type { NetworkInspect } from "../formats/docker-api.ts";
import { parseIpv4, parseSubnet, type Subnet } from "../formats/ip-address.ts";
import type { Logger } from "../logger.ts";
import type { State } from "../state/state.ts";
import { type AddressPool, createAddressPool, findFreeSubnet } from "./ipam.ts";
import type { Kernel } from "./kernel.ts";
import {
  type BridgeRecord,
  defaultBridgeRecord,
  type EndpointInUse,
  inspectNetwork,
  type NetworkRecord,
  newDefaultBridge,
  newPredefinedNetwork,
  predefinedNames,
} from "./records.ts";
import { type NetworkCreateBody, newUserNetwork } from "./user-network.ts";

/** The networks there are, each bridge with its address pool. */
export interface Catalog {
  list(): NetworkRecord[];
  findNetwork(nameOrId: string): NetworkRecord | undefined;
  getNetwork(nameOrId: string): NetworkRecord;
  inspect(record: NetworkRecord, endpoints: EndpointInUse[]): NetworkInspect;
  bridges(): BridgeRecord[];
  /** Addresses of a bridge network. */
  poolOf(record: NetworkRecord): AddressPool;
  create(body: NetworkCreateBody): Promise<NetworkRecord>;
  /** @throws forbidden */
  checkRemovable(record: NetworkRecord, endpointCount: number): void;
  delete(record: NetworkRecord): void;
}

interface CatalogOptions {
  state: State;
  kernel: Kernel;
  logger: Logger;
  bridgeName: string;
  bip: string | undefined;
}

export async function openCatalog(options: CatalogOptions): Promise<Catalog> {
  const { state, kernel } = options;
  const stored = state.records<NetworkRecord>("network");
  const records = stored.load();
  const pools = new Map<string, AddressPool>();

  function save(record: NetworkRecord): void {
    stored.put(record.id, record);
    records.set(record.id, record);
  }
  const byName = (name: string) => records.values().find((record) => record.name === name);
  const bridges = () => [...records.values()].flatMap((record) => (record.bridge ? [record.bridge] : []));
  const ownSubnets = () => bridges().flatMap((bridge) => parseSubnet(bridge.subnet) ?? []);
  /** Subnets that are taken on this machine, by links other than the one named. */
  async function usedSubnets(link: string): Promise<Subnet[]> {
    return [...(await kernel.listSubnets([link])), ...ownSubnets()];
  }

  for (const name of ["host", "none"] as const) {
    if (!byName(name)) save(newPredefinedNetwork(name));
  }
  await ensureDefaultBridge();

  async function ensureDefaultBridge(): Promise<void> {
    const { bridgeName, bip, logger } = options;
    const present = byName("bridge");
    const given = bip === undefined ? undefined : parseSubnet(bip);
    if (bip !== undefined && (!given || given.prefixLength > 30 || given.prefixLength < 1))
      throw invalid(`invalid bip: ${bip}`);
    if (!given && present?.bridge?.link === bridgeName) return;
    const address = given ?? gatewayOf(findFreeSubnet(await usedSubnets(bridgeName)));
    if (!present) return save(newDefaultBridge(bridgeName, address));
    const bridge = defaultBridgeRecord(bridgeName, address);
    if (JSON.stringify(bridge) === JSON.stringify(present.bridge)) return;
    logger.info({ bridge }, "the default bridge changes");
    pools.delete(present.id);
    save({ ...newDefaultBridge(bridgeName, address), id: present.id, created: present.created });
  }

  function findNetwork(nameOrId: string): NetworkRecord | undefined {
    const exact = byName(nameOrId) ?? records.get(nameOrId);
    if (exact || nameOrId === "") return exact;
    const matches = [...records.values()].filter((record) => record.id.startsWith(nameOrId));
    return matches.length === 1 ? matches[0] : undefined;
  }

  return {
    list: () => [...records.values()],
    findNetwork,
    getNetwork(nameOrId) {
      const record = findNetwork(nameOrId);
      if (!record) throw notFound(`network ${nameOrId} not found`);
      return record;
    },
    inspect: inspectNetwork,
    bridges,
    poolOf(record) {
      const pool = pools.get(record.id) ?? newPool(record);
      pools.set(record.id, pool);
      return pool;
    },
    async create(body) {
      const used = await usedSubnets("");
      if (body.Name && byName(body.Name)) throw conflict(`network with name ${body.Name} already exists`);
      if (body.Name && predefinedNames.includes(body.Name))
        throw forbidden(`operation is not permitted on predefined ${body.Name} network`);
      const record = newUserNetwork(body, [...used, ...ownSubnets()]);
      if (bridges().some((bridge) => bridge.link === record.bridge?.link))
        throw conflict(`network bridge ${record.bridge?.link} is in use already`);
      save(record);
      return record;
    },
    checkRemovable(record, endpointCount) {
      if (predefinedNames.includes(record.name))
        throw forbidden(`${record.name} is a pre-defined network and cannot be removed`);
      if (endpointCount > 0)
        throw forbidden(`error while removing network: network ${record.name} has active endpoints`);
    },
    delete(record) {
      stored.delete(record.id);
      records.delete(record.id);
      pools.delete(record.id);
    },
  };
}

function newPool(record: NetworkRecord): AddressPool {
  const subnet = parseSubnet(record.bridge?.subnet ?? "");
  const gateway = parseIpv4(record.bridge?.gateway ?? "");
  if (!subnet || gateway === undefined) throw new Error(`network ${record.name} has no subnet`);
  return createAddressPool(subnet, [gateway]);
}

function gatewayOf(subnet: Subnet): Subnet {
  return { address: subnet.address + 1, prefixLength: subnet.prefixLength };
}
