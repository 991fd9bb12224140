import { internal, invalid, messageOf } from "../errors.ts";
import type { EndpointSettings } from "../formats/docker-api/docker-api.ts";
import {
  doesContain,
  type IpAddress,
  macAddressOf as macAddressFor,
  parseIpAddress,
  parseMacAddress,
  type Subnet,
} from "../formats/ip-address.ts";
import type { Logger } from "../logger.ts";
import type { Catalog } from "./catalog.ts";
import { checkEndpoint } from "./check-endpoint.ts";
import type { NetworkDrivers } from "./drivers.ts";
import { decodeEndpoint, type Endpoint, type EndpointRecord, newEndpointId } from "./endpoint.ts";
import type { AddressPool } from "./ipam.ts";
import { endpointMark } from "./marks.ts";
import { hasInterfaces, type NetworkRecord } from "./records.ts";

interface WantedEndpoint {
  network: NetworkRecord;
  settings: EndpointSettings;
}

/**
 * The networks to join, that of the mode first and the others by name: the interfaces come in the same order at every start. One that
 * was joined before is known by its id, since another may have its name now.
 * @throws notFound, invalid
 */
export function findWantedEndpoints(
  catalog: Catalog,
  drivers: NetworkDrivers,
  { mode, endpoints }: { mode: string; endpoints: Record<string, EndpointSettings> },
): WantedEndpoint[] {
  const wanted = new Map<string, WantedEndpoint>();
  for (const [name, settings] of Object.entries(endpoints)) {
    const network = catalog.getNetwork(settings.NetworkID || name);
    checkEndpoint(network, name, settings);
    wanted.set(network.id, { network, settings });
  }
  const first = catalog.findNetwork(mode)?.id;
  const place = ({ network }: WantedEndpoint) => (network.id === first ? "" : network.name);
  const all = [...wanted.values()].sort((a, b) => (place(a) < place(b) ? -1 : 1));
  checkCompany(
    drivers,
    all.map(({ network }) => network),
  );
  return all;
}

/** Whether these networks can be joined together. @throws invalid */
export function checkCompany(drivers: NetworkDrivers, networks: readonly NetworkRecord[]): void {
  if (networks.length < 2) return;
  const [whyAlone] = networks.flatMap(({ driver }) => drivers[driver].whyAlone ?? []);
  if (whyAlone) throw invalid(whyAlone);
}

/** @throws invalid */
function parseGivenMac(text: string | undefined): string | undefined {
  if (!text) return undefined;
  const macAddress = parseMacAddress(text);
  if (!macAddress) throw invalid(`invalid MAC address: ${text}`);
  return macAddress;
}

export interface NamedOwner {
  id: string;
  name: string;
  hostname: string;
}

/** What others can call it there. The first is the one that its address leads to. */
export function namesOf({ id, name, hostname }: NamedOwner, { Aliases }: EndpointSettings): string[] {
  const names = [name, ...(Aliases ?? []), id.slice(0, 12), hostname];
  return [...new Set(names.filter((one) => one !== ""))];
}

/** Leases the addresses of an endpoint. @throws invalid, forbidden, unavailable */
export function leaseEndpoint(
  { catalog, drivers, tableName }: { catalog: Catalog; drivers: NetworkDrivers; tableName: string },
  { network, settings }: WantedEndpoint,
  owner: NamedOwner & { macAddress: string | undefined; interfaceName: string; refusesIpv6?: boolean },
): Endpoint {
  const id = newEndpointId();
  const linkAlias = endpointMark(tableName, id);
  const bare = { id, network, settings, linkAlias, link: undefined, isLeased: true };
  if (!hasInterfaces(network))
    return { ...bare, interfaceName: "", addresses: [], macAddress: "", names: [] };
  const macAddress = parseGivenMac(settings.MacAddress || owner.macAddress);
  const { whyNoMac } = drivers[network.driver];
  if (macAddress && whyNoMac) throw internal(whyNoMac);
  const families = owner.refusesIpv6 ? ([4] as const) : ([4, 6] as const);
  const addresses = leaseAddresses(catalog, network, settings, families);
  return {
    ...bare,
    interfaceName: owner.interfaceName,
    addresses,
    macAddress: macAddress ?? (whyNoMac ? "" : macAddressOf(addresses)),
    names: catalog.isNamed(network) ? namesOf(owner, settings) : [],
  };
}

/** One of each family that the network has, or none. */
function leaseAddresses(
  catalog: Catalog,
  network: NetworkRecord,
  { IPAMConfig }: EndpointSettings,
  families: readonly (4 | 6)[],
): Subnet[] {
  const fixed = { 4: IPAMConfig?.IPv4Address, 6: IPAMConfig?.IPv6Address };
  const leased: Subnet[] = [];
  try {
    for (const family of families) {
      const pools = catalog.addressPools(network, family);
      if (pools.length > 0) leased.push(leaseFrom(pools, parseIpAddress(fixed[family] ?? "")));
    }
  } catch (error) {
    release(catalog, network, leased);
    throw error;
  }
  return leased;
}

/** From the subnet that it is of, or the first one with room. */
function leaseFrom(pools: readonly AddressPool[], wanted: IpAddress | undefined): Subnet {
  const fits = (pool: AddressPool) => (wanted ? doesContain(pool.subnet, wanted) : pool.hasRoom());
  const pool = pools.find(fits) ?? pools[0]!;
  const address = wanted ? pool.leaseFixed(wanted) : pool.lease();
  return { address, prefixLength: pool.subnet.prefixLength };
}

const poolWith = (catalog: Catalog, network: NetworkRecord, address: IpAddress) =>
  catalog.addressPools(network, address.family).find(({ subnet }) => doesContain(subnet, address));

function release(catalog: Catalog, network: NetworkRecord, addresses: readonly Subnet[]): void {
  for (const { address } of addresses) poolWith(catalog, network, address)?.release(address);
}

/** Gives its addresses back. */
export function releaseEndpoint(catalog: Catalog, { network, addresses, isLeased }: Endpoint): void {
  if (isLeased) release(catalog, network, addresses);
}

/** An address keeps its MAC across restarts, so that neighbours do not have to learn another. */
function macAddressOf(addresses: readonly Subnet[]): string {
  const [first] = addresses;
  return first ? macAddressFor(first.address) : "";
}

/** Leases again what a running container has. Undefined when its network is gone. */
export function adoptEndpoint(
  catalog: Catalog,
  record: EndpointRecord,
  logger: Logger,
): Endpoint | undefined {
  const network = catalog.findNetwork(record.networkId);
  if (!network) {
    logger.warn({ network: record.networkId }, "a running container is on a network that is gone");
    return undefined;
  }
  const endpoint = decodeEndpoint(record, network);
  try {
    for (const { address } of endpoint.addresses) poolWith(catalog, network, address)?.leaseFixed(address);
    return { ...endpoint, isLeased: true };
  } catch (error) {
    const reason = messageOf(error);
    logger.warn({ network: network.name, reason }, "a running container's address cannot be leased");
    return endpoint;
  }
}
