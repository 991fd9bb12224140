import { forbidden, internal, invalid } from "../../errors.ts";
import {
  doesContain,
  doOverlap,
  firstAddress,
  formatIpAddress,
  formatSubnet,
  ipAddress,
  isAnyAddress,
  parseSubnet,
  type Subnet,
} from "../../formats/ip-address.ts";
import type { NetworkPlan, NetworkWish, Surroundings } from "../driver.ts";
import { firstUsable } from "../ipam.ts";
import { encodePool, formatAuxiliary } from "../ipam-config.ts";
import { type NetworkRecord, type Pool, type PoolRecord, poolsOf } from "../records.ts";

/** What drivers do differently with subnets. */
export interface PoolRules {
  /** Whether an address is set aside for a gateway where the user names none. */
  hasGateway(family: 4 | 6): boolean;
  /** A subnet that is there already and needs no choosing. */
  findPresent?(family: 4 | 6): Pool | undefined;
  /** Said of a subnet that overlaps another network's, when only a part of it is given out. Without it that is the user's affair. */
  refuseRange?(family: 4 | 6, other: NetworkRecord): never;
}

export const familiesOf = ({ hasIpv4, hasIpv6 }: NetworkWish): (4 | 6)[] => [
  ...(hasIpv4 ? [4 as const] : []),
  ...(hasIpv6 ? [6 as const] : []),
];

/** @throws invalid in Docker's words for a network that could give no address */
export function checkFamilies({ hasIpv4, hasIpv6, ipamDriver }: NetworkWish): void {
  if (!hasIpv4 && !hasIpv6) throw invalid("IPv4 or IPv6 must be enabled");
  if (ipamDriver === "null") throw invalid(`${hasIpv4 ? "ipv4" : "ipv6"} pool is empty`);
}

/** The subnets that the user has chosen, then those of families without. @throws forbidden, internal, invalid in Docker's words */
export function planPools(
  wish: NetworkWish,
  surroundings: Surroundings,
  rules: PoolRules,
): Pick<NetworkPlan, "ipam" | "hasDefaultSubnet"> {
  const isGiven = (family: 4 | 6) => wish.pools.some(({ subnet }) => subnet.address.family === family);
  const families = familiesOf(wish);
  const given: PoolRecord[] = [];
  const before: Pool[] = [];
  for (const [number, pool] of wish.pools.entries()) {
    const isUsed = families.includes(pool.subnet.address.family);
    const after = wish.pools.slice(number + 1).filter(({ subnet }) => !isAnyAddress(subnet.address));
    const settled = isUsed ? settleSubnet(pool, { before, after }, surroundings, rules) : pool;
    before.push(settled);
    given.push(settleAddresses(settled, rules));
  }
  const missing = families.filter((family) => !isGiven(family));
  const automatic = missing.map((family) => {
    const pool = rules.findPresent?.(family) ?? newPool(surroundings.findFreeSubnet(family));
    return { ...settleAddresses(pool, rules), isAutomatic: true };
  });
  return { hasDefaultSubnet: missing.length > 0, ipam: [...given, ...automatic] };
}

/** A subnet of the user's choice; 0.0.0.0/N stands for a free one of that size. */
function settleSubnet(
  wanted: Pool,
  { before, after }: { before: readonly Pool[]; after: readonly Pool[] },
  { networks, findFreeSubnet }: Surroundings,
  rules: PoolRules,
): Pool {
  const { address, prefixLength } = wanted.subnet;
  if (isAnyAddress(address)) {
    const others = [...before, ...after].map(({ subnet }) => subnet);
    return newPool(findFreeSubnet(address.family, prefixLength, others));
  }
  const doesClash = ({ subnet }: Pool) => doOverlap(subnet, wanted.subnet);
  const other = networks.find((network) => poolsOf(network).some(doesClash));
  if (other && wanted.range) rules.refuseRange?.(address.family, other);
  if ((other && !wanted.range) || before.some(doesClash))
    throw forbidden("invalid pool request: Pool overlaps with other one on this address space");
  if (address.family === 6) checkIpv6Subnet(wanted.subnet);
  return wanted;
}

const linkLocal = parseSubnet("fe80::/64")!;
const multicast = { address: ipAddress("ff00::"), prefixLength: 8 };

function checkIpv6Subnet(subnet: Subnet): void {
  if (doOverlap(subnet, multicast))
    throw invalid(`multicast subnet '${formatSubnet(subnet)}' is not allowed`);
  if (doOverlap(subnet, linkLocal) && formatSubnet(subnet) !== formatSubnet(linkLocal))
    throw invalid(`'${formatSubnet(subnet)}' clashes with the Link-Local prefix 'fe80::/64'`);
}

const newPool = (subnet: Subnet): Pool => ({
  subnet,
  range: undefined,
  gateway: undefined,
  auxiliary: new Map(),
});

/** @throws internal for an auxiliary address that is the gateway's, or another's */
function settleAddresses(pool: Pool, rules: PoolRules): PoolRecord {
  const { subnet, range, auxiliary } = pool;
  const isNeeded = rules.hasGateway(subnet.address.family);
  const gateway = pool.gateway ?? (isNeeded ? firstUsable(subnet, range) : undefined);
  const taken = new Set(gateway ? [formatIpAddress(gateway)] : []);
  for (const [name, address] of Object.entries(formatAuxiliary(auxiliary))) {
    if (taken.has(address))
      throw internal(`failed to allocate secondary ip address (${name}:${address}): Address already in use`);
    taken.add(address);
  }
  return encodePool({ ...pool, gateway });
}

/** That of a bridge that was there before. @param addresses of its link */
export function adoptPool(addresses: readonly Subnet[], family: 4 | 6): Pool | undefined {
  const found = addresses.find(
    ({ address }) => address.family === family && !doesContain(linkLocal, address),
  );
  if (!found) return undefined;
  const subnet = { address: firstAddress(found), prefixLength: found.prefixLength };
  return { ...newPool(subnet), gateway: found.address };
}
