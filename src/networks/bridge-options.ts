import { type EngineError, internal, invalid } from "../errors.ts";
import { parseGoBool } from "../formats/go-bool.ts";
import { type IpAddress, parseIpAddress } from "../formats/ip-address.ts";

const prefix = "com.docker.network.";
export const networkOption = {
  bridgeName: `${prefix}bridge.name`,
  masquerade: `${prefix}bridge.enable_ip_masquerade`,
  icc: `${prefix}bridge.enable_icc`,
  hostBinding: `${prefix}bridge.host_binding_ipv4`,
  mtu: `${prefix}driver.mtu`,
  gatewayMode4: `${prefix}bridge.gateway_mode_ipv4`,
  gatewayMode6: `${prefix}bridge.gateway_mode_ipv6`,
  inhibitIpv4: `${prefix}bridge.inhibit_ipv4`,
  trustedInterfaces: `${prefix}bridge.trusted_host_interfaces`,
  interfacePrefix: `${prefix}container_iface_prefix`,
  source4: `${prefix}host_ipv4`,
  source6: `${prefix}host_ipv6`,
  enableIpv4: `${prefix}enable_ipv4`,
  enableIpv6: `${prefix}enable_ipv6`,
  announcementCount: `${prefix}advertise_addr_nmsgs`,
  announcementInterval: `${prefix}advertise_addr_ms`,
  defaultBridge: `${prefix}bridge.default_bridge`,
};

export const defaultMtu = 1500;

const gatewayModes = ["nat", "nat-unprotected", "routed", "isolated"] as const;
/** What lies between a network's containers and other hosts. */
export type GatewayMode = (typeof gatewayModes)[number];

/** How a bridge network is to behave, as the options of its creation say. */
export interface BridgeOptions {
  mtu: number;
  /** Packets that leave it bear an address of this machine. */
  masquerades: boolean;
  /** Its containers can reach each other. */
  letsContainersTalk: boolean;
  /** Where ports are published for which no address is given; undefined for everywhere. */
  hostBinding: IpAddress | undefined;
  modes: Readonly<Record<4 | 6, GatewayMode>>;
  /** Its bridge has no IPv4 address. */
  inhibitsIpv4: boolean;
  /** Links of this machine by which other hosts reach published ports at the containers' own addresses. */
  trustedInterfaces: readonly string[];
  /** Of the names of interfaces inside. */
  interfacePrefix: string;
  /** The address of this machine that its packets leave with, by family; undefined for whichever fits the way out. */
  sources: Readonly<Record<4 | 6, IpAddress | undefined>>;
}

/** @throws EngineError invalid or internal in Docker's words */
export function readBridgeOptions(options: Record<string, string>): BridgeOptions {
  const read = <T>(key: string, parse: (text: string) => T, otherwise: T): T => {
    const text = Object.hasOwn(options, key) ? options[key] : undefined;
    return text === undefined ? otherwise : parse(text);
  };
  const flag = (key: string, otherwise: boolean) => read(key, (text) => parseFlag(key, text), otherwise);
  const address = (key: string, family?: 4 | 6) =>
    read<IpAddress | undefined>(key, (text) => parseAddress(key, text, family), undefined);
  const mode = (key: string) => read<GatewayMode>(key, (text) => parseMode(key, text), "nat");
  checkRange(options, networkOption.announcementCount, 0, 3);
  checkRange(options, networkOption.announcementInterval, 100, 2000);
  return {
    mtu: read(networkOption.mtu, parseMtu, defaultMtu) || defaultMtu,
    masquerades: flag(networkOption.masquerade, true),
    letsContainersTalk: flag(networkOption.icc, true),
    hostBinding: address(networkOption.hostBinding),
    modes: { 4: mode(networkOption.gatewayMode4), 6: mode(networkOption.gatewayMode6) },
    inhibitsIpv4: flag(networkOption.inhibitIpv4, false),
    trustedInterfaces: read(networkOption.trustedInterfaces, parseLinkNames, []),
    interfacePrefix: read(networkOption.interfacePrefix, parseInterfacePrefix, "") || "eth",
    sources: { 4: address(networkOption.source4, 4), 6: address(networkOption.source6, 6) },
  };
}

/** For the name of a link. */
export const isTooLong = (text: string) => Buffer.byteLength(text) > 15;

/**
 * "all" and "default" are the kernel's settings for every link, "%" numbers links in the kernel, and "*", or "+" at the end,
 * stands for any name in a packet filter. The kernel counts bytes.
 */
export function isLinkName(text: string): boolean {
  if (isTooLong(text) || ["all", "default", "lo", ".", ".."].includes(text)) return false;
  return /^[^/:"\\*%\s\p{C}]+(?<!\+)$/u.test(text);
}

const failure = (key: string, text: string, reason: string): EngineError =>
  invalid(`failed to parse ${key} value: ${text} (${reason})`);

function parseFlag(key: string, text: string): boolean {
  const value = parseGoBool(text);
  if (value === undefined)
    throw failure(key, text, `strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`);
  return value;
}

/** 0 says nothing. @throws invalid in Docker's words */
export function parseMtu(text: string): number {
  if (!/^[+-]?\d{1,9}$/.test(text))
    throw failure(networkOption.mtu, text, `strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
  const mtu = Number(text);
  if (mtu < 0 || mtu > 65_535 || (mtu > 0 && mtu < 68)) throw invalid(`invalid MTU number: ${mtu}`);
  return mtu;
}

function parseMode(key: string, text: string): GatewayMode {
  const mode = gatewayModes.find((known) => known === text);
  if (text === "") return "nat";
  if (!mode) throw failure(key, text, `unknown gateway mode ${text}`);
  return mode;
}

function parseAddress(key: string, text: string, family: 4 | 6 | undefined): IpAddress | undefined {
  if (text === "") return undefined;
  const address = parseIpAddress(text);
  if (!address || (family && address.family !== family)) throw failure(key, text, "nil ip");
  return address;
}

function parseLinkNames(text: string): string[] {
  const names = text.split(":").filter((name) => name !== "");
  const wrong = names.find((name) => !isLinkName(name));
  if (wrong !== undefined)
    throw failure(networkOption.trustedInterfaces, text, `no link can be called ${wrong}`);
  return names;
}

/** With room for a number. */
function parseInterfacePrefix(text: string): string {
  if (text !== "" && (!isLinkName(text) || isTooLong(`${text}000`)))
    throw failure(networkOption.interfacePrefix, text, "no link name can begin so");
  return text;
}

function checkRange(options: Record<string, string>, key: string, least: number, most: number): void {
  const text = Object.hasOwn(options, key) ? options[key] : undefined;
  if (text === undefined) return;
  if (!/^[+-]?\d{1,9}$/.test(text))
    throw internal(`value for option ${key} ${JSON.stringify(text)} must be an integer`);
  if (Number(text) < least || Number(text) > most)
    throw internal(`${key} must be in the range ${least} to ${most}`);
}
