import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { invalid } from "../errors.ts";
import {
  addressAfter,
  doesContain,
  firstAddress,
  formatIpAddress,
  formatSubnet,
  type IpAddress,
  type Subnet,
} from "../formats/ip-address.ts";
import type { Logger } from "../logger.ts";
import { addressesOf, bridgeOf } from "./bridge.ts";
import { isLinkName, networkOption } from "./bridge-options.ts";
import { adoptPool } from "./drivers/plan-pools.ts";
import { bridgeSources, findFreeSubnet, type SubnetSource } from "./free-subnets.ts";
import { firstUsable } from "./ipam.ts";
import { encodePool } from "./ipam-config.ts";
import type { Kernel } from "./kernel.ts";
import { bridgeMark, isOwnBridge } from "./marks.ts";
import { decodePool, type NetworkRecord, newBareNetwork, type Pool } from "./records.ts";
import type { NetworksConfig } from "./settings.ts";
import { takenBy } from "./surroundings.ts";

interface DefaultBridgeOptions {
  kernel: Kernel;
  logger: Logger;
  bridgeName: string;
  tableName: string;
  engineId: string;
  settings: NetworksConfig;
}

/** The network "bridge" where it is not as the daemon's settings want it; undefined where it is. @throws invalid */
export async function settleDefaultBridge(
  options: DefaultBridgeOptions,
  networks: readonly NetworkRecord[],
): Promise<NetworkRecord | undefined> {
  const { logger, bridgeName, settings } = options;
  const found = networks.find(({ name }) => name === "bridge");
  const isForeign = await isAnothers(options, found);
  if (!isLinkName(bridgeName)) throw invalid(`invalid bridge name: ${bridgeName}`);
  const families = settings.hasIpv6 ? ([4, 6] as const) : ([4] as const);
  const pools: Pool[] = [];
  for (const family of families)
    pools.push(
      withGateway(await choosePool(options, networks, family, isForeign), settings.defaultGateway[family]),
    );
  const present = found ?? newBareNetwork("bridge", "bridge");
  const record: NetworkRecord = {
    ...present,
    hasIpv6: settings.hasIpv6,
    options: optionsOf(bridgeName, settings),
    ipam: pools.map(encodePool),
    bridge: { link: bridgeName, mtu: settings.mtu, isForeign },
  };
  if (found && isDeepStrictEqual(record, found)) return undefined;
  if (found) logger.info({ bridge: record.bridge, ipam: record.ipam }, "the default bridge changes");
  return record;
}

/**
 * Whether the link was there before the engine, which then leaves it as it is. The engine's own bears its mark, also where the records are
 * gone; what they call its own may have been made again by the administrator. @throws invalid for a link that is no bridge, in Docker's words
 */
async function isAnothers(
  { kernel, bridgeName, tableName, settings }: DefaultBridgeOptions,
  found: NetworkRecord | undefined,
): Promise<boolean> {
  const present = (await kernel.listLinks()).find(({ name }) => name === bridgeName);
  if (!present) return false;
  if (present.kind !== "bridge") throw invalid(`existing interface ${bridgeName} is not a bridge`);
  const mark = bridgeMark(tableName);
  const known = found && bridgeOf(found);
  if (present.alias === mark) return false;
  if (known?.link === bridgeName && !known.isForeign) {
    const addresses = (await kernel.listSubnets()).filter(
      ({ link, kind }) => link === bridgeName && kind === "address",
    );
    const subnets = { present: addresses.map(({ subnet }) => subnet), given: addressesOf(known) };
    if (isOwnBridge(present, mark, subnets)) return false;
  }
  if (settings.bip[4] || settings.bip[6])
    throw invalid(
      `the bridge ${bridgeName} exists and keeps its addresses: give it with --bridge or an address with --bip, not both`,
    );
  return true;
}

/** As Docker keeps it: an address that no container gets, with a name of its own. @throws invalid in Docker's words */
function withGateway(pool: Pool, gateway: IpAddress | undefined): Pool {
  const { subnet } = pool;
  const auxiliary = new Map<string, IpAddress>();
  if (!gateway) return { ...pool, auxiliary };
  if (!doesContain(subnet, gateway))
    throw invalid(
      `default gateway ip must be part of the network: ${formatIpAddress(gateway)} is not in ${formatSubnet(subnet)}`,
    );
  return { ...pool, auxiliary: auxiliary.set(`DefaultGatewayIPv${gateway.family}`, gateway) };
}

function optionsOf(link: string, settings: NetworksConfig): Record<string, string> {
  const { hostBinding } = settings;
  return {
    [networkOption.defaultBridge]: "true",
    [networkOption.icc]: String(settings.letsContainersTalk),
    [networkOption.masquerade]: String(settings.masquerades),
    [networkOption.hostBinding]: hostBinding ? formatIpAddress(hostBinding) : "0.0.0.0",
    [networkOption.bridgeName]: link,
    [networkOption.mtu]: String(settings.mtu),
  };
}

/** What is given, else what it has had, else a free one. */
async function choosePool(
  { kernel, bridgeName, settings, engineId }: DefaultBridgeOptions,
  networks: readonly NetworkRecord[],
  family: 4 | 6,
  isForeign: boolean,
): Promise<Pool> {
  const [given, range] = [settings.bip[family], settings.fixedCidr[family]];
  const auxiliary = new Map<string, never>();
  if (given) return { subnet: maskOf(given), gateway: given.address, range, auxiliary };
  const local = await kernel.listSubnets();
  if (isForeign) {
    const own = local.filter(({ link, kind }) => link === bridgeName && kind === "address");
    const adopted = adoptPool(
      own.map(({ subnet }) => subnet),
      family,
    );
    if (adopted) return { ...adopted, range };
  }
  const present = networks.find(({ name }) => name === "bridge");
  const had = present?.ipam.map(decodePool).find(({ subnet }) => subnet.address.family === family);
  if (!range && had && present?.bridge?.link === bridgeName) return { ...had, range };
  if (range) return { subnet: range, gateway: firstUsable(range, undefined), range: undefined, auxiliary };
  const taken = takenBy(networks, local, bridgeName);
  const subnet = findFreeSubnet(sourcesOf(settings, engineId, bridgeSources), taken, family);
  return { subnet, gateway: addressAfter(subnet.address, 1), range: undefined, auxiliary };
}

/** With a source of IPv6 subnets whatever the administrator says: a /48 that is this engine's own, as in Docker. */
export function sourcesOf(
  { subnetSources }: NetworksConfig,
  engineId: string,
  usual: readonly SubnetSource[],
): readonly SubnetSource[] {
  const sources = subnetSources ?? usual;
  const hasIpv6 = sources.some(({ base }) => base.address.family === 6);
  return hasIpv6 ? sources : [...sources, { base: localPrefix(engineId), size: 64 }];
}

/** fd, then 40 bits of the engine's id (RFC 4193). */
function localPrefix(engineId: string): Subnet {
  const bits = createHash("sha256").update(engineId).digest().readBigUInt64BE() & ((1n << 40n) - 1n);
  return { address: { family: 6, value: ((0xfdn << 40n) | bits) << 80n }, prefixLength: 48 };
}

function maskOf(subnet: Subnet): Subnet {
  return { address: firstAddress(subnet), prefixLength: subnet.prefixLength };
}
