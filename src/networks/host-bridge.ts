import { randomBytes } from "node:crypto";
import { conflict } from "../errors.ts";
import {
  decodeIpAddress,
  encodeIpAddress,
  isLinkLocal,
  lastAddress,
  macAddressOf,
  type Subnet,
} from "../formats/ip-address.ts";
import { encodeDeleteAddress, encodeNewAddress, type KernelSubnet } from "../sys/address-message.ts";
import { encodeNewLink, encodeSetLink, encodeSetLinkByName, type Link } from "../sys/link-message.ts";
import type { NetlinkSocket } from "../sys/netlink.ts";
import type { RouteRequest } from "../sys/rtnetlink-message.ts";
import { isOwnBridge } from "./marks.ts";
import { quietLink } from "./quiet-link.ts";

export interface BridgeSettings {
  name: string;
  /** This machine's own there. */
  addresses: Subnet[];
  mtu: number;
  /** It is another program's: what it has, it keeps. */
  isForeign: boolean;
  /** Its ports do not hear each other. */
  isSeparated: boolean;
  /** Marks it as one engine's. */
  alias: string;
}

interface Machine {
  socket: NetlinkSocket;
  findLink(name: string): Link | undefined;
  indexOf(name: string): number;
  listAddresses(): KernelSubnet[];
}

/** As `ensureBridge` of the host's links. */
export function ensureBridge(machine: Machine, settings: BridgeSettings): void {
  const { socket, findLink, indexOf, listAddresses } = machine;
  const { name, addresses: wanted, isForeign, isSeparated, alias } = settings;
  const found = findLink(name);
  if (found) checkBridge(machine, found, settings);
  else makeBridge(socket, settings);
  const hasIpv6 = wanted.some(({ address }) => address.family === 6);
  if (!isForeign) quietLink(name, { hasIpv6, isSeparated });
  const index = indexOf(name);
  const isWanted = (one: KernelSubnet) =>
    wanted.some(({ address }) => encodeIpAddress(address).equals(one.address));
  const others = isForeign ? [] : listAddresses().filter((one) => one.linkIndex === index && !isWanted(one));
  socket.request(
    [
      ...others.filter(({ address }) => !isLinkLocal(decodeIpAddress(address))).map(encodeDeleteAddress),
      ...wanted.map((address) => newAddress(index, address)),
      encodeSetLink(index, { up: true, ...(!isForeign && { alias }) }),
    ],
    name,
  );
}

function makeBridge(socket: NetlinkSocket, settings: BridgeSettings): void {
  const { name, addresses, mtu, isForeign, alias } = settings;
  // With a MAC of its own the bridge does not take on that of whichever port is lowest, and neighbours need not relearn it.
  const macAddress = addresses[0] ? macAddressOf(addresses[0].address) : randomMacAddress();
  socket.request(
    [
      encodeNewLink("bridge", { name, mtu, macAddress }),
      // At once, since a killed daemon would take its own for another's.
      ...(isForeign ? [] : [encodeSetLinkByName(name, { alias })]),
    ],
    name,
  );
}

/** @throws conflict for a link that is another's or no bridge */
function checkBridge({ listAddresses }: Machine, found: Link, settings: BridgeSettings): void {
  const { name, index, kind } = found;
  if (kind !== "bridge") throw conflict(`existing interface ${name} is not a bridge`);
  if (settings.isForeign) return;
  const present = listAddresses()
    .filter(({ linkIndex }) => linkIndex === index)
    .map(({ address, prefixLength }) => ({ address: decodeIpAddress(address), prefixLength }));
  if (!isOwnBridge(found, settings.alias, { present, given: settings.addresses }))
    throw conflict(
      `the bridge ${name} is not this engine's: another program has made it; remove it, or make the network with another bridge name`,
    );
}

/** Unicast, and locally administered. */
function randomMacAddress(): string {
  const [first = 0, ...rest] = randomBytes(6);
  return [(first & 0xfc) | 2, ...rest].map((byte) => byte.toString(16).padStart(2, "0")).join(":");
}

/** Gives a link an address in its subnet. */
export function newAddress(linkIndex: number, subnet: Subnet): RouteRequest {
  const { address, prefixLength } = subnet;
  const hasBroadcast = address.family === 4 && prefixLength < 31;
  return encodeNewAddress(
    { linkIndex, address: encodeIpAddress(address), prefixLength },
    hasBroadcast ? encodeIpAddress(lastAddress(subnet)) : undefined,
  );
}
