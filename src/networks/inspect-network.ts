import type { EndpointSettings, NetworkInspect } from "../formats/docker-api/docker-api.ts";
import { hasInterfaces, type NetworkRecord, type PoolRecord } from "./records.ts";

/** A container's endpoint on a network, for `NetworkInspect.Containers`. */
export interface EndpointInUse {
  containerId: string;
  containerName: string;
  settings: EndpointSettings;
}

/** Members come in Docker's order, the empty ones left out where it leaves them out. */
export function inspectNetwork(record: NetworkRecord, endpoints: EndpointInUse[]): NetworkInspect {
  const containers = endpoints.map((endpoint) => [endpoint.containerId, describeEndpoint(endpoint)] as const);
  return {
    Name: record.name,
    Id: record.id,
    Created: record.created,
    Scope: record.scope,
    Driver: record.driver,
    EnableIPv4: record.hasIpv4,
    EnableIPv6: record.hasIpv6,
    IPAM: {
      Driver: record.ipamDriver,
      Options: record.ipamOptions,
      Config: hasInterfaces(record) || record.isConfigOnly ? record.ipam.map(describePool) : null,
    },
    Internal: record.isInternal,
    Attachable: record.isAttachable,
    Ingress: false,
    ConfigFrom: { Network: record.configFrom },
    ConfigOnly: record.isConfigOnly,
    Containers: Object.fromEntries(containers),
    Options: record.options,
    Labels: record.labels,
  };
}

function describePool(pool: PoolRecord): NonNullable<NetworkInspect["IPAM"]["Config"]>[number] {
  const { subnet, range, gateway, auxiliary } = pool;
  return {
    Subnet: subnet,
    ...(range && { IPRange: range }),
    ...(gateway && { Gateway: gateway }),
    ...(Object.keys(auxiliary).length > 0 && { AuxiliaryAddresses: auxiliary }),
  };
}

function describeEndpoint({ containerName, settings }: EndpointInUse) {
  const { IPAddress, IPPrefixLen, GlobalIPv6Address, GlobalIPv6PrefixLen } = settings;
  return {
    Name: containerName,
    EndpointID: settings.EndpointID ?? "",
    MacAddress: settings.MacAddress ?? "",
    IPv4Address: IPAddress ? `${IPAddress}/${IPPrefixLen ?? 0}` : "",
    IPv6Address: GlobalIPv6Address ? `${GlobalIPv6Address}/${GlobalIPv6PrefixLen ?? 0}` : "",
  };
}
