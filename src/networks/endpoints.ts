import { randomBytes } from "node:crypto";
import { invalid, messageOf } from "../errors.ts";
import type { EndpointSettings } from "../formats/docker-api.ts";
import { formatIpv4, macAddressOf, parseIpv4, parseMacAddress, parseSubnet } from "../formats/ip-address.ts";
import type { Logger } from "../logger.ts";
import type { Catalog } from "./catalog.ts";
import type { Interface } from "./netns-pool.ts";
import type { NetworkRecord } from "./records.ts";

/** A container's attachment to one network, with its address leased. */
export interface Endpoint {
  network: NetworkRecord;
  /** Undefined on a network without addresses. */
  address: number | undefined;
  settings: EndpointSettings;
}

interface WantedEndpoint {
  network: NetworkRecord;
  settings: EndpointSettings;
}

/** The networks to attach to: that of the mode first. @throws notFound, invalid */
export function findWantedEndpoints(
  catalog: Catalog,
  mode: string,
  endpoints: Record<string, EndpointSettings>,
): WantedEndpoint[] {
  const first = catalog.getNetwork(mode === "default" || mode === "" ? "bridge" : mode);
  const wanted = new Map<string, WantedEndpoint>([[first.id, { network: first, settings: {} }]]);
  for (const [nameOrId, settings] of Object.entries(endpoints)) {
    const network = catalog.getNetwork(nameOrId === "default" ? "bridge" : nameOrId);
    wanted.set(network.id, { network, settings: settings ?? {} });
  }
  for (const { network, settings } of wanted.values()) checkSettings(network, settings);
  if (wanted.size > 1 && wanted.values().some(({ network }) => !network.bridge))
    throw invalid(`container cannot be connected to network "${first.name}" and to others`);
  return [...wanted.values()];
}

function checkSettings(network: NetworkRecord, settings: EndpointSettings): void {
  if (settings.IPAMConfig?.IPv6Address) throw invalid("user specified IPv6 addresses need an IPv6 network");
  const fixed = settings.IPAMConfig?.IPv4Address;
  if (!fixed) return;
  if (parseIpv4(fixed) === undefined) throw invalid(`invalid IPv4 address: ${fixed}`);
  if (network.name === "bridge" || !network.bridge)
    throw invalid("user specified IP address is supported on user defined networks only");
}

/** @throws invalid */
function parseGivenMac(text: string | undefined): string | undefined {
  if (!text) return undefined;
  const macAddress = parseMacAddress(text);
  if (!macAddress) throw invalid(`invalid MAC address: ${text}`);
  return macAddress;
}

/** Leases an address and fills in what Docker's inspect shows. */
export function leaseEndpoint(
  catalog: Catalog,
  { network, settings }: WantedEndpoint,
  container: { id: string; name: string; macAddress: string | undefined },
): Endpoint {
  const endpointId = randomBytes(32).toString("hex");
  const empty = {
    ...settings,
    IPAMConfig: settings.IPAMConfig ?? null,
    Links: settings.Links ?? null,
    Aliases: settings.Aliases ?? null,
    DriverOpts: settings.DriverOpts ?? null,
    GwPriority: settings.GwPriority ?? 0,
    NetworkID: network.id,
    EndpointID: endpointId,
    MacAddress: "",
    Gateway: "",
    IPAddress: "",
    IPPrefixLen: 0,
    IPv6Gateway: "",
    GlobalIPv6Address: "",
    GlobalIPv6PrefixLen: 0,
    DNSNames: null,
  };
  if (!network.bridge) return { network, address: undefined, settings: empty };
  const macAddress = parseGivenMac(settings.MacAddress || container.macAddress);
  const pool = catalog.poolOf(network);
  const fixed = settings.IPAMConfig?.IPv4Address ? parseIpv4(settings.IPAMConfig.IPv4Address) : undefined;
  const address = fixed === undefined ? pool.lease() : pool.leaseFixed(fixed);
  const names = [container.name, ...(settings.Aliases ?? []), container.id.slice(0, 12)];
  return {
    network,
    address,
    settings: {
      ...empty,
      MacAddress: macAddress ?? macAddressOf(address),
      Gateway: network.bridge.gateway,
      IPAddress: formatIpv4(address),
      IPPrefixLen: parseSubnet(network.bridge.subnet)?.prefixLength ?? 0,
      DNSNames: network.name === "bridge" ? null : [...new Set(names)],
    },
  };
}

/** Leases again what a running container has. An endpoint on a network that is gone is left out. */
export function adoptEndpoints(
  catalog: Catalog,
  endpoints: Record<string, EndpointSettings>,
  logger: Logger,
): Endpoint[] {
  return Object.entries(endpoints).flatMap(([name, settings]) => {
    const network = catalog.findNetwork(settings.NetworkID || name) ?? catalog.findNetwork(name);
    if (!network) {
      logger.warn({ network: name }, "a running container is on a network that is gone");
      return [];
    }
    if (!network.bridge) return { network, address: undefined, settings };
    const address = parseIpv4(settings.IPAddress ?? "");
    try {
      if (address !== undefined) catalog.poolOf(network).leaseFixed(address);
      return { network, address, settings };
    } catch (error) {
      logger.warn(
        { network: name, reason: messageOf(error) },
        "a running container's address cannot be leased",
      );
      return { network, address: undefined, settings };
    }
  });
}

/** The interfaces inside, eth0 first and with the default route. */
export function interfacesOf(endpoints: Endpoint[]): Interface[] {
  return endpoints.flatMap(({ network, address, settings }, number) => {
    if (!network.bridge || address === undefined) return [];
    const gateway = number === 0 ? parseIpv4(network.bridge.gateway) : undefined;
    return {
      name: `eth${number}`,
      bridge: network.bridge.link,
      address,
      prefixLength: settings.IPPrefixLen ?? 0,
      ...(gateway === undefined ? {} : { gateway }),
      macAddress: settings.MacAddress ?? "",
      mtu: network.bridge.mtu,
    };
  });
}
