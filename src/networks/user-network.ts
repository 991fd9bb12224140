import { conflict, invalid, notImplemented } from "../errors.ts";
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
import { defaultMtu, type NetworkRecord, networkOption, newNetworkId } from "./records.ts";

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

const namePattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

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
  const id = newNetworkId();
  const options = body.Options ?? {};
  const link = options[networkOption.bridgeName] || `br-${id.slice(0, 12)}`;
  if (!/^[^/\s"]{1,15}$/.test(link)) throw invalid(`invalid bridge name: ${link}`);
  const mtu = Number(options[networkOption.mtu] ?? defaultMtu);
  if (!Number.isInteger(mtu) || mtu < 68 || mtu > 65535)
    throw invalid(`invalid value for ${networkOption.mtu}: ${options[networkOption.mtu]}`);
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
