import type { IpAddress, Subnet } from "../formats/ip-address.ts";
import type { Link } from "../sys/link-message.ts";
import { type BridgeOptions, readBridgeOptions } from "./bridge-options.ts";
import { bridgeMark } from "./marks.ts";
import { type NetworkRecord, poolsOf } from "./records.ts";

/** This machine's place in a subnet of a bridge. */
export interface Home {
  subnet: Subnet;
  /** Undefined where the bridge has no address of its own in it. */
  gateway: IpAddress | undefined;
}

/** A network's bridge, as machine and packet filter need to know it. */
export interface Bridge extends BridgeOptions {
  link: string;
  /** One of each family at most. */
  homes: readonly Home[];
  isInternal: boolean;
  /** The link was there before the network, and stays after it. */
  isForeign: boolean;
}

/** This machine's own on it. */
export const addressesOf = ({ homes }: Bridge): Subnet[] =>
  homes.flatMap(({ subnet: { prefixLength }, gateway }) =>
    gateway ? [{ address: gateway, prefixLength }] : [],
  );

/** Undefined for a network of another driver. */
export function bridgeOf(network: NetworkRecord): Bridge | undefined {
  const { bridge, isInternal, options } = network;
  if (!bridge) return undefined;
  const settings = readStoredOptions(options);
  const homes = poolsOf(network).map(({ subnet, gateway }) => {
    const isInhibited = settings.inhibitsIpv4 && subnet.address.family === 4;
    return { subnet, gateway: isInhibited ? undefined : gateway };
  });
  return { ...settings, ...bridge, homes, isInternal };
}

/** Earlier versions did not look at what they did not serve. */
function readStoredOptions(options: Record<string, string>): BridgeOptions {
  try {
    return readBridgeOptions(options);
  } catch {
    return readBridgeOptions({});
  }
}

/**
 * This engine's bridges of networks that are no more: one was being removed when the daemon was killed. One that is in use stays,
 * since its record may only be unreadable.
 */
export function findStrayBridges(links: Link[], known: Bridge[], tableName: string): string[] {
  const names = new Set(known.map(({ link }) => link));
  const used = new Set(links.map(({ master }) => master));
  return links
    .filter(({ name, alias, index }) => {
      return alias === bridgeMark(tableName) && !names.has(name) && !used.has(index);
    })
    .map(({ name }) => name);
}
