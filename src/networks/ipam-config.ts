import { invalid } from "../errors.ts";
import type { NetworkCreateRequest } from "../formats/docker-api/docker-api.ts";
import {
  doesContain,
  firstAddress,
  formatIpAddress,
  formatSubnet,
  type IpAddress,
  isSameAddress,
  parseIpAddress,
  parseSubnet,
  type Subnet,
} from "../formats/ip-address.ts";
import { joinReasons } from "./join-reasons.ts";
import type { Pool, PoolRecord } from "./records.ts";

type Config = NonNullable<NonNullable<NetworkCreateRequest["IPAM"]>["Config"]>[number];

/** Says all that is wrong at once. @throws EngineError invalid in Docker's words */
export function parseIpamConfig(configs: readonly Config[], hasIpv6: boolean): Pool[] {
  const reasons: string[] = [];
  const pools = configs.flatMap((config) => parsePool(config, hasIpv6, reasons) ?? []);
  if (reasons.length > 0) throw invalid(`invalid network config:\n${joinReasons(reasons)}`);
  return pools;
}

function parsePool(config: Config, hasIpv6: boolean, reasons: string[]): Pool | undefined {
  const text = config.Subnet ?? "";
  const subnet = parseSubnet(text);
  if (!subnet) {
    reasons.push(`invalid subnet ${text}: invalid CIDR block notation`);
    return undefined;
  }
  // As in Docker, what is said of a family that the network has not is kept unseen.
  const complaints = subnet.address.family === 6 && !hasIpv6 ? [] : reasons;
  const masked = maskOf(subnet);
  if (!isSameAddress(masked.address, subnet.address))
    complaints.push(`invalid subnet ${text}: it should be ${formatSubnet(masked)}`);
  const { IPRange = "", Gateway = "", AuxiliaryAddresses } = config;
  const named = Object.entries(AuxiliaryAddresses ?? {}).map(([name, address]) => {
    return [name, parseWithin(masked, `auxiliary address ${name}`, address, complaints)] as const;
  });
  return {
    subnet: masked,
    range: IPRange === "" ? undefined : parseRange(masked, IPRange, complaints),
    gateway: Gateway === "" ? undefined : parseWithin(masked, `gateway ${Gateway}`, Gateway, complaints),
    auxiliary: new Map(named.flatMap(([name, address]) => (address ? [[name, address]] : []))),
  };
}

function maskOf(subnet: Subnet): Subnet {
  return { address: firstAddress(subnet), prefixLength: subnet.prefixLength };
}

function parseRange(subnet: Subnet, text: string, reasons: string[]): Subnet | undefined {
  const range = parseSubnet(text);
  const complain = (reason: string) => void reasons.push(`invalid ip-range ${text}: ${reason}`);
  if (!range) return complain("invalid CIDR block notation");
  if (range.address.family !== subnet.address.family) return complain(otherFamily(subnet));
  if (range.prefixLength < subnet.prefixLength)
    return complain(`CIDR block is bigger than its parent subnet ${formatSubnet(subnet)}`);
  if (!doesContain(subnet, range.address))
    return complain(`parent subnet ${formatSubnet(subnet)} doesn't contain ip-range`);
  const masked = maskOf(range);
  if (!isSameAddress(masked.address, range.address)) return complain(`it should be ${formatSubnet(masked)}`);
  return range;
}

function parseWithin(subnet: Subnet, what: string, text: string, reasons: string[]): IpAddress | undefined {
  const address = parseIpAddress(text);
  const complain = (reason: string) => void reasons.push(`invalid ${what}: ${reason}`);
  if (!address) return complain("invalid address");
  if (address.family !== subnet.address.family) return complain(otherFamily(subnet));
  if (!doesContain(subnet, address))
    return complain(`parent subnet ${formatSubnet(subnet)} doesn't contain this address`);
  return address;
}

const otherFamily = ({ address }: Subnet) => `parent subnet is an IPv${address.family} block`;

/** 192.168.1.10 for the names by which Docker tells containers another gateway than this machine. */
export function otherGateway(
  auxiliary: ReadonlyMap<string, IpAddress>,
  family: 4 | 6,
): IpAddress | undefined {
  return auxiliary.get(`DefaultGatewayIPv${family}`);
}

/** The inverse of `decodePool`. */
export function encodePool({ subnet, gateway, range, auxiliary }: Pool): PoolRecord {
  return {
    subnet: formatSubnet(subnet),
    gateway: gateway ? formatIpAddress(gateway) : "",
    range: range ? formatSubnet(range) : "",
    auxiliary: formatAuxiliary(auxiliary),
    isAutomatic: false,
  };
}

export const formatAuxiliary = (auxiliary: ReadonlyMap<string, IpAddress>): Record<string, string> =>
  Object.fromEntries([...auxiliary].map(([name, address]) => [name, formatIpAddress(address)]));
