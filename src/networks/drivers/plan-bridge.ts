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
import { type BridgeOptions, isLinkName, networkOption, readBridgeOptions } from "../bridge-options.ts";
import type { NetworkPlan, NetworkWish, Surroundings } from "../driver.ts";
import { firstUsable } from "../ipam.ts";
import { encodePool, formatAuxiliary } from "../ipam-config.ts";
import { type NetworkRecord, type Pool, type PoolRecord, poolsOf } from "../records.ts";

/** A user's bridge network. @throws EngineError invalid, forbidden, internal in Docker's words */
export function planBridge(wish: NetworkWish, surroundings: Surroundings): NetworkPlan {
  const { id, isInternal, hasIpv4, hasIpv6, ipamDriver } = wish;
  const options = readBridgeOptions(wish.options);
  for (const mode of Object.values(options.modes))
    if (mode === "isolated" && !isInternal)
      throw internal("gateway mode 'isolated' can only be used for an internal network");
  if (!hasIpv4 && !hasIpv6) throw invalid("IPv4 or IPv6 must be enabled");
  if (ipamDriver === "null") throw invalid(`${hasIpv4 ? "ipv4" : "ipv6"} pool is empty`);
  const link = wish.options[networkOption.bridgeName] || `br-${id.slice(0, 12)}`;
  const isForeign = checkLink(wish, link, surroundings);
  const families = ([4, 6] as const).filter((family) => (family === 4 ? hasIpv4 : hasIpv6));
  for (const family of families)
    if (wish.pools.filter(({ subnet }) => subnet.address.family === family).length > 1)
      throw forbidden("bridge driver doesn't support multiple subnets");
  const isGiven = (family: 4 | 6) => wish.pools.some(({ subnet }) => subnet.address.family === family);
  const given = wish.pools.map((pool) => settlePool(wish, link, pool, options, surroundings));
  const missing = families.filter((family) => !isGiven(family));
  const automatic = missing.map((family) => {
    const pool = adoptPool(link, family, surroundings) ?? newPool(surroundings.findFreeSubnet(family));
    return settleAddresses(pool, wish, options);
  });
  return {
    hasDefaultSubnet: missing.length > 0,
    ipam: [...given, ...automatic],
    bridge: { link, mtu: options.mtu, isForeign },
  };
}

/** @returns whether the link is there already. @throws forbidden, internal, invalid */
function checkLink({ id }: NetworkWish, link: string, { networks, links }: Surroundings): boolean {
  const other = networks.find(({ bridge }) => bridge?.link === link);
  if (other) throw forbidden(`${conflictBetween(id, link, other)}: networks have same bridge name`);
  if (link.length > 15)
    throw internal(`failed to check bridge interface existence: numerical result out of range`);
  if (!isLinkName(link)) throw invalid(`invalid bridge name: ${link}`);
  const present = links.find(({ name }) => name === link);
  if (present && present.kind !== "bridge") throw internal(`existing interface ${link} is not a bridge`);
  return present !== undefined;
}

function conflictBetween(id: string, link: string, other: NetworkRecord): string {
  return `cannot create network ${id} (${link}): conflicts with network ${other.id} (${other.bridge?.link})`;
}

/** A subnet of the user's choice; 0.0.0.0/N stands for a free one of that size. */
function settlePool(
  wish: NetworkWish,
  link: string,
  wanted: Pool,
  options: BridgeOptions,
  surroundings: Surroundings,
): PoolRecord {
  const { address, prefixLength } = wanted.subnet;
  const isUsed = address.family === 4 ? wish.hasIpv4 : wish.hasIpv6;
  if (!isUsed) return settleAddresses(wanted, { ...wish, pools: [] }, options);
  if (isAnyAddress(address))
    return settleAddresses(newPool(surroundings.findFreeSubnet(address.family, prefixLength)), wish, options);
  const other = surroundings.networks.find((network) =>
    poolsOf(network).some(({ subnet }) => doOverlap(subnet, wanted.subnet)),
  );
  if (other && wanted.range)
    throw forbidden(
      `${conflictBetween(wish.id, link, other)}: networks have overlapping IPv${address.family}`,
    );
  if (other) throw forbidden("invalid pool request: Pool overlaps with other one on this address space");
  if (address.family === 6) checkIpv6Subnet(wanted.subnet);
  return settleAddresses(wanted, wish, options);
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

/** That of a bridge that was there before. */
function adoptPool(link: string, family: 4 | 6, surroundings: Surroundings): Pool | undefined {
  const found = surroundings
    .addressesOf(link)
    .find(({ address }) => address.family === family && !doesContain(linkLocal, address));
  if (!found) return undefined;
  const subnet = { address: firstAddress(found), prefixLength: found.prefixLength };
  return { ...newPool(subnet), gateway: found.address };
}

/** @throws internal for an auxiliary address that is the gateway's, or another's */
function settleAddresses(pool: Pool, wish: NetworkWish, options: BridgeOptions): PoolRecord {
  const { subnet, range, auxiliary } = pool;
  const { family } = subnet.address;
  const isAlone =
    options.modes[family] === "isolated" || (wish.isInternal && options.inhibitsIpv4 && family === 4);
  const gateway = pool.gateway ?? (isAlone ? undefined : firstUsable(subnet, range));
  const taken = new Set(gateway ? [formatIpAddress(gateway)] : []);
  for (const [name, address] of Object.entries(formatAuxiliary(auxiliary))) {
    if (taken.has(address))
      throw internal(`failed to allocate secondary ip address (${name}:${address}): Address already in use`);
    taken.add(address);
  }
  return encodePool({ ...pool, gateway });
}
