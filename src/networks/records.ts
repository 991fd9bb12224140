import { randomBytes } from "node:crypto";
import { conflict, invalid, notImplemented } from "../errors.ts";
import type { EndpointSettings, NetworkInspect } from "../formats/docker-api.ts";
import {
  doesContain,
  doOverlap,
  firstAddress,
  formatIpv4,
  formatSubnet,
  parseIpv4,
  parseSubnet,
  type Subnet,
} from "../formats/ip-address.ts";
import { findFreeSubnet } from "./ipam.ts";

/** A network as it is stored. */
export interface NetworkRecord {
  id: string;
  name: string;
  /** RFC 3339. */
  created: string;
  driver: "bridge" | "host" | "null";
  isInternal: boolean;
  isAttachable: boolean;
  options: Record<string, string>;
  labels: Record<string, string>;
  /** Of driver "bridge" only. */
  bridge?: BridgeRecord;
}

export interface BridgeRecord {
  /** Name of the link, up to 15 characters. */
  link: string;
  /** "172.17.0.0/16" */
  subnet: string;
  gateway: string;
  mtu: number;
}

export type NetworkCreateBody = Partial<{
  Name: string;
  Driver: string;
  CheckDuplicate: boolean;
  Internal: boolean;
  Attachable: boolean;
  Ingress: boolean;
  ConfigOnly: boolean;
  Scope: string;
  EnableIPv4: boolean;
  EnableIPv6: boolean;
  IPAM: {
    Driver?: string;
    Options?: Record<string, string> | null;
    Config?: { Subnet?: string; Gateway?: string; IPRange?: string; AuxiliaryAddresses?: object }[] | null;
  } | null;
  Options: Record<string, string> | null;
  Labels: Record<string, string> | null;
}>;

const option = {
  bridgeName: "com.docker.network.bridge.name",
  mtu: "com.docker.network.driver.mtu",
};
const defaultMtu = 1500;
const namePattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;
export const predefinedNames = ["bridge", "host", "none"];

const newId = () => randomBytes(32).toString("hex");

export function newPredefinedNetwork(name: "host" | "none"): NetworkRecord {
  return {
    id: newId(),
    name,
    created: new Date().toISOString(),
    driver: name === "none" ? "null" : "host",
    isInternal: false,
    isAttachable: false,
    options: {},
    labels: {},
  };
}

/** The network "bridge". `address` is the gateway's with its prefix length. */
export function newDefaultBridge(link: string, address: Subnet): NetworkRecord {
  return {
    id: newId(),
    name: "bridge",
    created: new Date().toISOString(),
    driver: "bridge",
    isInternal: false,
    isAttachable: false,
    options: {
      "com.docker.network.bridge.default_bridge": "true",
      "com.docker.network.bridge.enable_icc": "true",
      "com.docker.network.bridge.enable_ip_masquerade": "true",
      "com.docker.network.bridge.host_binding_ipv4": "0.0.0.0",
      [option.bridgeName]: link,
      [option.mtu]: String(defaultMtu),
    },
    labels: {},
    bridge: defaultBridgeRecord(link, address),
  };
}

export function defaultBridgeRecord(link: string, address: Subnet): BridgeRecord {
  const subnet = { address: firstAddress(address), prefixLength: address.prefixLength };
  return { link, subnet: formatSubnet(subnet), gateway: formatIpv4(address.address), mtu: defaultMtu };
}

/**
 * A user's bridge network. `used` are the subnets of this machine and of the other networks.
 * @throws invalid, conflict, notImplemented
 */
export function newUserNetwork(body: NetworkCreateBody, used: Subnet[]): NetworkRecord {
  const name = body.Name ?? "";
  if (!namePattern.test(name))
    throw invalid(
      name === ""
        ? "network name cannot be empty"
        : `invalid network name: ${name} includes invalid characters`,
    );
  refuseUnsupported(body);
  const id = newId();
  const options = body.Options ?? {};
  const link = options[option.bridgeName] || `br-${id.slice(0, 12)}`;
  if (!/^[^/\s"]{1,15}$/.test(link)) throw invalid(`invalid bridge name: ${link}`);
  const mtu = Number(options[option.mtu] ?? defaultMtu);
  if (!Number.isInteger(mtu) || mtu < 68 || mtu > 65535)
    throw invalid(`invalid value for ${option.mtu}: ${options[option.mtu]}`);
  return {
    id,
    name,
    created: new Date().toISOString(),
    driver: "bridge",
    isInternal: false,
    isAttachable: body.Attachable ?? false,
    options,
    labels: body.Labels ?? {},
    bridge: { link, mtu, ...chooseSubnet(body, used) },
  };
}

function refuseUnsupported(body: NetworkCreateBody): void {
  const driver = body.Driver || "bridge";
  if (driver === "host" || driver === "null")
    throw conflict(`only one instance of "${driver}" network is allowed`);
  if (driver !== "bridge") throw notImplemented(`network driver ${driver} is not yet supported`);
  if (body.EnableIPv6) throw notImplemented("IPv6 networks are not yet supported");
  if (body.EnableIPv4 === false) throw notImplemented("networks without IPv4 are not yet supported");
  if (body.Internal) throw notImplemented("internal networks are not yet supported");
  if (body.Ingress || body.ConfigOnly || (body.Scope && body.Scope !== "local"))
    throw notImplemented("swarm and config-only networks are not supported");
  const ipamDriver = body.IPAM?.Driver || "default";
  if (ipamDriver !== "default") throw notImplemented(`IPAM driver ${ipamDriver} is not supported`);
  const configs = body.IPAM?.Config ?? [];
  if (
    configs.length > 1 ||
    configs[0]?.IPRange ||
    Object.keys(configs[0]?.AuxiliaryAddresses ?? {}).length > 0
  )
    throw notImplemented("IP ranges, auxiliary addresses and more than one subnet are not yet supported");
}

function chooseSubnet(body: NetworkCreateBody, used: Subnet[]): { subnet: string; gateway: string } {
  const config = body.IPAM?.Config?.[0];
  const wanted = config?.Subnet ? parseSubnet(config.Subnet) : findFreeSubnet(used);
  if (!wanted) throw invalid(`invalid subnet ${config?.Subnet}: invalid CIDR address`);
  if (wanted.prefixLength > 30)
    throw invalid(`invalid subnet ${config?.Subnet}: too small for a gateway and a container`);
  const subnet = { address: firstAddress(wanted), prefixLength: wanted.prefixLength };
  if (config?.Subnet && used.some((other) => doOverlap(subnet, other)))
    throw conflict("invalid pool request: Pool overlaps with other one on this address space");
  const gateway = config?.Gateway ? parseIpv4(config.Gateway) : subnet.address + 1;
  if (gateway === undefined || !doesContain(subnet, gateway))
    throw invalid(`invalid gateway address ${config?.Gateway}: not in subnet ${formatSubnet(subnet)}`);
  return { subnet: formatSubnet(subnet), gateway: formatIpv4(gateway) };
}

/** A container's endpoint on a network, for `NetworkInspect.Containers`. */
export interface EndpointInUse {
  containerId: string;
  containerName: string;
  settings: EndpointSettings;
}

export function inspectNetwork(record: NetworkRecord, endpoints: EndpointInUse[]): NetworkInspect {
  const { bridge } = record;
  const containers = endpoints.map(({ containerId, containerName, settings }) => {
    const address = settings.IPAddress ? `${settings.IPAddress}/${settings.IPPrefixLen ?? 0}` : "";
    return [
      containerId,
      {
        Name: containerName,
        EndpointID: settings.EndpointID ?? "",
        MacAddress: settings.MacAddress ?? "",
        IPv4Address: address,
        IPv6Address: "",
      },
    ] as const;
  });
  return {
    Name: record.name,
    Id: record.id,
    Created: record.created,
    Scope: "local",
    Driver: record.driver,
    EnableIPv4: true,
    EnableIPv6: false,
    IPAM: {
      Driver: "default",
      Options: null,
      Config: bridge ? [{ Subnet: bridge.subnet, Gateway: bridge.gateway }] : [],
    },
    Internal: record.isInternal,
    Attachable: record.isAttachable,
    Ingress: false,
    ConfigFrom: { Network: "" },
    ConfigOnly: false,
    Containers: Object.fromEntries(containers),
    Options: record.options,
    Labels: record.labels,
  };
}
