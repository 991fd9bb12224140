import { randomBytes } from "node:crypto";
import type { EndpointSettings, NetworkInspect } from "../formats/docker-api.ts";
import { firstAddress, formatIpv4, formatSubnet, type Subnet } from "../formats/ip-address.ts";

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

export const networkOption = {
  bridgeName: "com.docker.network.bridge.name",
  mtu: "com.docker.network.driver.mtu",
};
export const defaultMtu = 1500;
export const predefinedNames = ["bridge", "host", "none"];

export const newNetworkId = () => randomBytes(32).toString("hex");

export function newPredefinedNetwork(name: "host" | "none"): NetworkRecord {
  return {
    id: newNetworkId(),
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
    id: newNetworkId(),
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
      [networkOption.bridgeName]: link,
      [networkOption.mtu]: String(defaultMtu),
    },
    labels: {},
    bridge: defaultBridgeRecord(link, address),
  };
}

export function defaultBridgeRecord(link: string, address: Subnet): BridgeRecord {
  const subnet = { address: firstAddress(address), prefixLength: address.prefixLength };
  return { link, subnet: formatSubnet(subnet), gateway: formatIpv4(address.address), mtu: defaultMtu };
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
