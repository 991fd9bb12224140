import { BlockList, isIP } from "node:net";
import type { NewNetwork } from "../../client/networks.ts";

type IpamConfig = NonNullable<NewNetwork["IPAM"]>["Config"];

/**
 * Gives each range, gateway and auxiliary address to the subnet it lies in.
 * @throws Error in Docker's words for overlaps, and for what lies in none
 */
export function buildIpam(input: {
  subnets: string[];
  ranges: string[];
  gateways: string[];
  auxiliary: Record<string, string>;
}): IpamConfig {
  const { subnets, ranges, gateways, auxiliary } = input;
  if (subnets.length < ranges.length || subnets.length < gateways.length) {
    throw new Error("every ip-range or gateway must have a corresponding subnet");
  }
  for (const [index, subnet] of subnets.entries()) {
    if (
      subnets
        .slice(0, index)
        .some((other) => contains(other, addressOf(subnet)) || contains(subnet, addressOf(other)))
    ) {
      throw new Error("multiple overlapping subnet configuration is not supported");
    }
  }
  const config = subnets.map((subnet): IpamConfig[number] => ({ Subnet: subnet }));
  const find = (address: string) => config.find(({ Subnet = "" }) => contains(Subnet, address));
  for (const range of ranges) {
    const entry = find(addressOf(range));
    if (entry === undefined) throw new Error(`no matching subnet for range ${range}`);
    if (entry.IPRange)
      throw new Error(
        `cannot configure multiple ranges (${range}, ${entry.IPRange}) on the same subnet (${entry.Subnet})`,
      );
    entry.IPRange = range;
  }
  for (const gateway of gateways) {
    const entry = find(gateway);
    if (entry === undefined) throw new Error(`no matching subnet for gateway ${gateway}`);
    if (entry.Gateway)
      throw new Error(
        `cannot configure multiple gateways (${gateway}, ${entry.Gateway}) for the same subnet (${entry.Subnet})`,
      );
    entry.Gateway = gateway;
  }
  for (const [name, address] of Object.entries(auxiliary)) {
    const entry = find(address);
    if (entry === undefined) throw new Error(`no matching subnet for aux-address ${address}`);
    entry.AuxiliaryAddresses = { ...entry.AuxiliaryAddresses, [name]: address };
  }
  return config;
}

const addressOf = (cidr: string) => cidr.split("/")[0] ?? "";

/** False for what is no subnet: the daemon says so better. */
function contains(cidr: string, address: string): boolean {
  const [base = "", prefix] = cidr.split("/");
  const family = isIP(base);
  if (family === 0 || isIP(address) !== family || !/^\d+$/.test(prefix ?? "")) return false;
  const list = new BlockList();
  const type = family === 6 ? "ipv6" : "ipv4";
  try {
    list.addSubnet(base, Number(prefix), type);
  } catch {
    return false;
  }
  return list.check(address, type);
}
