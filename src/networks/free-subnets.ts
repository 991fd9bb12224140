import { invalid } from "../errors.ts";
import { firstAddress, ipAddress, lastAddress, type Subnet, sizeOf } from "../formats/ip-address.ts";

/** Where automatic subnets are cut from. */
export interface SubnetSource {
  base: Subnet;
  /** Prefix length of each. */
  size: number;
}

const parsed = (text: string): Subnet => {
  const [address = "", length] = text.split("/");
  return { address: ipAddress(address), prefixLength: Number(length) };
};

/** Docker's own, largest pieces first met: /16 of 172.16.0.0/12 but its first, then /20. */
const usualBases = ["172.17.0.0/16", "172.18.0.0/15", "172.20.0.0/14", "172.24.0.0/13"];

/** For the default bridge: guides show 172.17.0.2. */
export const bridgeSources: readonly SubnetSource[] = [
  ...usualBases.map((base) => ({ base: parsed(base), size: 16 })),
  { base: parsed("192.168.0.0/16"), size: 20 },
];

/** For users' networks: the same addresses, so small that hundreds fit. */
export const networkSources: readonly SubnetSource[] = bridgeSources.map(({ base }) => ({ base, size: 24 }));

/** What an automatic subnet must not overlap. */
export interface TakenSubnets {
  /** Those of networks, and those that this machine has addresses in or reaches without a gateway. */
  near: readonly Subnet[];
  /** Those that this machine reaches by a gateway, such as a VPN's. They are avoided as long as there are others. */
  far: readonly Subnet[];
}

/**
 * The first subnet of a family that is free, sources taken by their addresses.
 * @param size prefix length to cut instead of the sources' own
 * @throws EngineError invalid in Docker's words when all are taken
 */
export function findFreeSubnet(
  sources: readonly SubnetSource[],
  { near, far }: TakenSubnets,
  family: 4 | 6 = 4,
  size?: number,
): Subnet {
  const sorted = sources
    .filter(({ base }) => base.address.family === family)
    .toSorted((a, b) => (a.base.address.value < b.base.address.value ? -1 : 1));
  for (const subnets of [[...near, ...far], near]) {
    const taken = rangesOf(subnets, family);
    for (const source of sorted) {
      const found = findIn(source.base, size ?? source.size, taken);
      if (found) return found;
    }
  }
  throw invalid(
    "all predefined address pools have been fully subnetted: remove networks that are not needed, " +
      "give the network a --subnet, or set default-address-pools in daemon.json",
  );
}

/** Goes through what is taken once, in the order of addresses, however many subnets a source has. */
function findIn(base: Subnet, size: number, taken: readonly Range[]): Subnet | undefined {
  if (size < base.prefixLength) return undefined;
  const { family } = base.address;
  const [first, end] = [firstAddress(base).value, lastAddress(base).value];
  const length = sizeOf({ address: base.address, prefixLength: size });
  let candidate = first;
  for (const { from, to } of taken) {
    if (to < candidate) continue;
    if (from >= candidate + length) break;
    candidate = ((to + length) / length) * length;
  }
  if (candidate + length - 1n > end) return undefined;
  return { address: { family, value: candidate }, prefixLength: size };
}

interface Range {
  from: bigint;
  to: bigint;
}

function rangesOf(subnets: readonly Subnet[], family: 4 | 6): Range[] {
  return subnets
    .filter(({ address }) => address.family === family)
    .map((subnet) => ({ from: firstAddress(subnet).value, to: lastAddress(subnet).value }))
    .sort((a, b) => (a.from < b.from ? -1 : 1));
}
