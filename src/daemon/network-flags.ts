import { invalid } from "../errors.ts";
import {
  firstAddress,
  type IpAddress,
  isAnyAddress,
  parseIpAddress,
  parseSubnet,
  type Subnet,
} from "../formats/ip-address.ts";
import { defaultNetworksConfig, type NetworksConfig } from "../networks/settings.ts";

/**
 * As `table` in flag-table.ts. Docker's keys for the kinds `default-address-pool`, `default-network-opt` and `host-gateway-ip` have an s at
 * their end.
 */
export const networkTable = [
  ["allow-direct-routing", "boolean", "", "Let other hosts reach published ports at containers' addresses"],
  ["bip", "string", "", "Address and prefix length of the default bridge"],
  ["bip6", "string", "", "IPv6 address and prefix length of the default bridge"],
  ["default-address-pool", "list", "", "Cut automatic subnets from a pool: base=SUBNET,size=LENGTH"],
  ["default-gateway", "string", "", "Default gateway of the default bridge's containers"],
  ["default-gateway-v6", "string", "", "The same for IPv6"],
  ["default-network-opt", "list", "", "Option of new networks, as DRIVER=KEY=VALUE"],
  ["fixed-cidr", "string", "", "Part of the default bridge's subnet for containers"],
  ["fixed-cidr-v6", "string", "", "The same for IPv6"],
  [
    "host-gateway-ip",
    "list",
    "",
    "Address that host-gateway stands for in --add-host (default: this machine's on the default bridge)",
  ],
  ["icc", "boolean", "true", "Let containers of the default bridge reach each other"],
  ["ip", "string", "0.0.0.0", "Address that the default bridge publishes ports on"],
  ["ip-forward", "boolean", "true", "Have this machine forward packets"],
  ["ip-forward-no-drop", "boolean", "", "Let it forward between other links than bridges, too"],
  ["ip-masq", "boolean", "true", "Hide addresses of the default bridge behind this machine's"],
  ["ipv6", "boolean", "", "Give containers of the default bridge IPv6 addresses"],
  ["mtu", "string", "1500", "MTU of the default bridge"],
  ["publish-address", "string", "", "Address that every network publishes ports on when none is given"],
] as const;

interface Given {
  list(name: string): string[];
  text(name: string): string | undefined;
}

/** @throws EngineError invalid */
export function readNetworksConfig({ list, text }: Given): NetworksConfig {
  const usual = defaultNetworksConfig;
  const flag = (name: string, otherwise: boolean) =>
    text(name) === undefined ? otherwise : text(name) === "true";
  return {
    bip: { 4: parseHome("bip", text("bip"), 4), 6: parseHome("bip6", text("bip6"), 6) },
    fixedCidr: {
      4: parsePart("fixed-cidr", text("fixed-cidr"), 4),
      6: parsePart("fixed-cidr-v6", text("fixed-cidr-v6"), 6),
    },
    defaultGateway: {
      4: parseAddress("default-gateway", text("default-gateway"), 4),
      6: parseAddress("default-gateway-v6", text("default-gateway-v6"), 6),
    },
    hasIpv6: flag("ipv6", usual.hasIpv6),
    mtu: parseMtu(text("mtu")),
    letsContainersTalk: flag("icc", usual.letsContainersTalk),
    masquerades: flag("ip-masq", usual.masquerades),
    hostBinding: parseAddress("ip", text("ip")),
    publishAddress: parseAddress("publish-address", text("publish-address")),
    enablesForwarding: flag("ip-forward", usual.enablesForwarding),
    guardsForwarding: !flag("ip-forward-no-drop", !usual.guardsForwarding),
    allowsDirectRouting: flag("allow-direct-routing", usual.allowsDirectRouting),
    hostGateways: parseHostGateways(list("host-gateway-ip")),
    subnetSources: parsePools(list("default-address-pool")),
    defaultOptions: parseOptions(list("default-network-opt")),
  };
}

/** An address with its prefix length, with room for a container. */
function parseHome(name: string, given: string | undefined, family: 4 | 6): Subnet | undefined {
  if (!given) return undefined;
  const subnet = parseSubnet(given);
  const most = family === 4 ? 30 : 126;
  if (subnet?.address.family !== family || subnet.prefixLength > most || subnet.prefixLength < 1)
    throw invalid(`invalid ${name}: ${given}`);
  return subnet;
}

function parsePart(name: string, given: string | undefined, family: 4 | 6): Subnet | undefined {
  if (!given) return undefined;
  const subnet = parseSubnet(given);
  if (subnet?.address.family !== family) throw invalid(`invalid ${name}: ${given}`);
  return { address: firstAddress(subnet), prefixLength: subnet.prefixLength };
}

/** 0 stands for the usual one, as in Docker. */
function parseMtu(given: string | undefined): number {
  if (given === undefined || given === "0") return defaultNetworksConfig.mtu;
  const mtu = Number(given);
  if (!/^\d{1,5}$/.test(given) || mtu < 68 || mtu > 65_535) throw invalid(`invalid mtu: ${given}`);
  return mtu;
}

function parseAddress(name: string, given: string | undefined, family?: 4 | 6): IpAddress | undefined {
  if (!given) return undefined;
  const address = parseIpAddress(given);
  if (!address || (family && address.family !== family))
    throw invalid(`invalid ${name}: ${given} is not an ip address`);
  return isAnyAddress(address) ? undefined : address;
}

/** @throws EngineError invalid in dockerd's words */
function parseHostGateways(given: readonly string[]): IpAddress[] {
  const addresses = given.map((text) => {
    const address = parseIpAddress(text);
    if (!address)
      throw invalid(`invalid host-gateway-ip: ParseAddr(${JSON.stringify(text)}): unable to parse IP`);
    return address;
  });
  for (const family of [4, 6] as const)
    if (addresses.filter((address) => address.family === family).length > 1)
      throw invalid(`only one IPv${family} host gateway IP address can be specified`);
  return addresses.sort((one, other) => one.family - other.family);
}

function parsePools(given: readonly string[]): NetworksConfig["subnetSources"] {
  if (given.length === 0) return undefined;
  return given.map((pool) => {
    const [, text = "", length = ""] = /^base=([^,]+),size=(\d{1,3})$/.exec(pool) ?? [];
    const base = parseSubnet(text);
    const size = Number(length);
    const bits = base?.address.family === 6 ? 128 : 32;
    if (!base || length === "" || size < base.prefixLength || size > bits)
      throw invalid(`invalid default-address-pool "${pool}": use base=SUBNET,size=LENGTH`);
    return { base: { address: firstAddress(base), prefixLength: base.prefixLength }, size };
  });
}

function parseOptions(given: readonly string[]): NetworksConfig["defaultOptions"] {
  const byDriver = new Map<string, Map<string, string>>();
  for (const option of given) {
    const [, driver, key, value] = /^([^=]+)=([^=]+)=(.*)$/s.exec(option) ?? [];
    if (!driver || !key || value === undefined)
      throw invalid(`invalid default-network-opt "${option}": use DRIVER=KEY=VALUE`);
    const options = byDriver.get(driver) ?? new Map<string, string>();
    byDriver.set(driver, options.set(key, value));
  }
  return Object.fromEntries([...byDriver].map(([driver, options]) => [driver, Object.fromEntries(options)]));
}
