import { readFileSync } from "node:fs";
import { doOverlap, formatSubnet, parseIpAddress, type Subnet } from "../formats/ip-address.ts";
import type { Surroundings } from "./driver.ts";
import { findFreeSubnet, type SubnetSource, type TakenSubnets } from "./free-subnets.ts";
import type { Kernel } from "./kernel.ts";
import type { LocalSubnet } from "./links.ts";
import { decodePool, type NetworkRecord, poolsOf } from "./records.ts";

interface Survey extends Surroundings {
  /** Subnets of this machine that a network hides, as Docker lets it. */
  clashesOf(network: NetworkRecord): string[];
}

/** What a new network finds on this machine. */
export async function surveySurroundings(
  kernel: Kernel,
  networks: readonly NetworkRecord[],
  sources: readonly SubnetSource[],
): Promise<Survey> {
  const [links, local] = await Promise.all([kernel.listLinks(), kernel.listSubnets()]);
  const taken = takenBy(networks, local);
  return {
    networks,
    links,
    addressesOf: (link) =>
      local.filter((one) => one.link === link && one.kind === "address").map(({ subnet }) => subnet),
    findFreeSubnet: (family, size, besides = []) =>
      findFreeSubnet(sources, { ...taken, near: [...taken.near, ...besides] }, family, size),
    clashesOf: (network) =>
      poolsOf(network).flatMap(({ subnet }) =>
        local
          .filter((one) => !isOn(network, one.link) && one.link !== "lo")
          .filter((one) => !isNearlyAll(one.subnet) && doOverlap(one.subnet, subnet))
          .map((one) => `${formatSubnet(subnet)} overlaps ${formatSubnet(one.subnet)} of ${one.link}`),
      ),
  };
}

/** Its containers are meant to have neighbours on their parent. */
const isOn = ({ bridge, uplink }: NetworkRecord, link: string) =>
  link === bridge?.link || link === uplink?.parent;

/** @param exceptLink whose subnets are not in the way */
export function takenBy(
  networks: readonly NetworkRecord[],
  local: readonly LocalSubnet[],
  exceptLink?: string,
): TakenSubnets {
  const others = local.filter(({ link, subnet }) => link !== exceptLink && !isNearlyAll(subnet));
  const isFar = ({ kind }: LocalSubnet) => kind === "route by a gateway";
  return {
    near: [
      ...networks
        .filter(({ isConfigOnly }) => !isConfigOnly)
        .flatMap(({ ipam }) => ipam.map((pool) => decodePool(pool).subnet)),
      ...others.filter((one) => !isFar(one)).map(({ subnet }) => subnet),
      ...nameServers(),
    ],
    far: others.filter(isFar).map(({ subnet }) => subnet),
  };
}

/** Such as the halves of everything that a VPN puts in the place of the default route. */
const isNearlyAll = ({ address, prefixLength }: Subnet) => prefixLength < (address.family === 4 ? 8 : 16);

/** Of this machine, which a network must not hide. */
function nameServers(): Subnet[] {
  return readResolvConf().flatMap((line) => {
    const [, text = ""] = /^nameserver\s+(\S+)/.exec(line) ?? [];
    const address = parseIpAddress(text);
    return address ? [{ address, prefixLength: address.family === 4 ? 32 : 128 }] : [];
  });
}

function readResolvConf(): string[] {
  try {
    return readFileSync("/etc/resolv.conf", "utf8").split("\n");
  } catch {
    return [];
  }
}
