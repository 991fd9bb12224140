import {
  type Attribute,
  decodeAttributes,
  encodeAttributes,
  text,
  uint8,
  uint32,
} from "./netlink-message.ts";

/** What is asked of the kernel, as type, flags beyond "request", and payload (rtnetlink(7)). */
export interface RouteRequest {
  type: number;
  flags: number;
  payload: Buffer;
}

export const routeType = {
  newLink: 16,
  deleteLink: 17,
  getLink: 18,
  newAddress: 20,
  getAddress: 22,
  newRoute: 24,
  getRoute: 26,
};
const flag = { replace: 0x100, exclusive: 0x200, create: 0x400 };
const linkAttribute = { address: 1, name: 3, mtu: 4, master: 10, linkInfo: 18, netnsFd: 28, alias: 20 };
const linkInfo = { kind: 1, data: 2, slaveKind: 4, slaveData: 5 };
const bridgePortMode = 4;
const vethPeer = 1;
const addressAttribute = { address: 1, local: 2, broadcast: 4 };
const routeAttribute = {
  destination: 1,
  outputInterface: 4,
  gateway: 5,
  priority: 6,
  preferredSource: 7,
  table: 15,
};
const inet = 2;
const up = 1;
const scope = { universe: 0, link: 253 };
const mainTable = 254;
const protocolBoot = 3;
const unicast = 1;

export interface LinkSettings {
  name?: string;
  mtu?: number;
  up?: boolean;
  /** Index of the bridge to join; 0 leaves it. */
  master?: number;
  /** "02:42:ac:11:00:02" */
  macAddress?: string;
  /** Up to 255 bytes. */
  alias?: string;
}

function linkHeader(index: number, isUp: boolean | undefined): Buffer {
  const header = Buffer.alloc(16);
  header.writeInt32LE(index, 4);
  if (isUp !== undefined) {
    header.writeUInt32LE(isUp ? up : 0, 8);
    header.writeUInt32LE(up, 12);
  }
  return header;
}

function linkAttributes(settings: LinkSettings): Attribute[] {
  const attributes: Attribute[] = [];
  if (settings.name !== undefined) attributes.push([linkAttribute.name, text(settings.name)]);
  if (settings.mtu !== undefined) attributes.push([linkAttribute.mtu, uint32(settings.mtu)]);
  if (settings.master !== undefined) attributes.push([linkAttribute.master, uint32(settings.master)]);
  if (settings.macAddress !== undefined)
    attributes.push([linkAttribute.address, macBytes(settings.macAddress)]);
  if (settings.alias !== undefined) attributes.push([linkAttribute.alias, Buffer.from(settings.alias)]);
  return attributes;
}

export function encodeNewBridge(settings: LinkSettings): RouteRequest {
  const info: Attribute = [linkAttribute.linkInfo, [[linkInfo.kind, text("bridge")]]];
  const payload = Buffer.concat([
    linkHeader(0, settings.up),
    encodeAttributes([...linkAttributes(settings), info]),
  ]);
  return { type: routeType.newLink, flags: flag.create | flag.exclusive, payload };
}

/** A veth pair whose second end is made in the namespace behind `netnsFd`. */
export function encodeNewVeth(settings: LinkSettings, peer: LinkSettings, netnsFd: number): RouteRequest {
  const peerBytes = Buffer.concat([
    linkHeader(0, peer.up),
    encodeAttributes([...linkAttributes(peer), [linkAttribute.netnsFd, uint32(netnsFd)]]),
  ]);
  const info: Attribute = [
    linkAttribute.linkInfo,
    [
      [linkInfo.kind, text("veth")],
      [linkInfo.data, [[vethPeer, peerBytes]]],
    ],
  ];
  const payload = Buffer.concat([
    linkHeader(0, settings.up),
    encodeAttributes([...linkAttributes(settings), info]),
  ]);
  return { type: routeType.newLink, flags: flag.create | flag.exclusive, payload };
}

/** Changes the link with that index; `name` in the settings renames it. */
export function encodeSetLink(index: number, settings: LinkSettings): RouteRequest {
  const payload = Buffer.concat([linkHeader(index, settings.up), encodeAttributes(linkAttributes(settings))]);
  return { type: routeType.newLink, flags: 0, payload };
}

/** Changes the link with that name. */
export function encodeSetLinkByName(name: string, settings: LinkSettings): RouteRequest {
  return encodeSetLink(0, { ...settings, name });
}

/** Lets a port send frames back to where they came from. The link has to be a port of a bridge already. */
export function encodeHairpin(name: string): RouteRequest {
  const info: Attribute = [
    linkAttribute.linkInfo,
    [
      [linkInfo.slaveKind, text("bridge")],
      [linkInfo.slaveData, [[bridgePortMode, uint8(1)]]],
    ],
  ];
  const payload = Buffer.concat([
    linkHeader(0, undefined),
    encodeAttributes([[linkAttribute.name, text(name)], info]),
  ]);
  return { type: routeType.newLink, flags: 0, payload };
}

export function encodeDeleteLink(name: string): RouteRequest {
  const payload = Buffer.concat([
    linkHeader(0, undefined),
    encodeAttributes([[linkAttribute.name, text(name)]]),
  ]);
  return { type: routeType.deleteLink, flags: 0, payload };
}

/** Adds an IPv4 address (4 bytes as one number); the kernel adds the route of its subnet. */
export function encodeNewAddress(linkIndex: number, address: number, prefixLength: number): RouteRequest {
  const header = Buffer.alloc(8);
  header[0] = inet;
  header[1] = prefixLength;
  header.writeUInt32LE(linkIndex, 4);
  const hostMask = prefixLength === 0 ? 0xffffffff : 2 ** (32 - prefixLength) - 1;
  const attributes: Attribute[] = [
    [addressAttribute.local, networkOrder(address)],
    [addressAttribute.address, networkOrder(address)],
  ];
  if (prefixLength < 31)
    attributes.push([addressAttribute.broadcast, networkOrder((address | hostMask) >>> 0)]);
  return {
    type: routeType.newAddress,
    flags: flag.create | flag.replace,
    payload: Buffer.concat([header, encodeAttributes(attributes)]),
  };
}

export function encodeDefaultRoute(gateway: number, linkIndex: number): RouteRequest {
  const header = Buffer.from([inet, 0, 0, 0, mainTable, protocolBoot, scope.universe, unicast, 0, 0, 0, 0]);
  const attributes = encodeAttributes([
    [routeAttribute.gateway, networkOrder(gateway)],
    [routeAttribute.outputInterface, uint32(linkIndex)],
  ]);
  return {
    type: routeType.newRoute,
    flags: flag.create | flag.exclusive,
    payload: Buffer.concat([header, attributes]),
  };
}

/** Payload that asks for all links; for one, pass its name. */
export function encodeLinkQuery(name?: string): Buffer {
  const attributes: Attribute[] = name === undefined ? [] : [[linkAttribute.name, text(name)]];
  return Buffer.concat([linkHeader(0, undefined), encodeAttributes(attributes)]);
}

/** Payload that asks for all IPv4 addresses or routes. */
export function encodeInetQuery(): Buffer {
  const header = Buffer.alloc(12);
  header[0] = inet;
  return header;
}

export interface Link {
  index: number;
  name: string;
  isUp: boolean;
  /** Index of the bridge it belongs to, 0 for none. */
  master: number;
  mtu: number;
  macAddress: string;
  kind: string;
  alias: string;
}

/** @throws RangeError when the payload is shorter than its header. */
export function decodeLink(payload: Buffer): Link {
  const attributes = decodeAttributes(payload.subarray(16));
  const info = decodeAttributes(attributes.get(linkAttribute.linkInfo) ?? Buffer.alloc(0));
  return {
    index: payload.readInt32LE(4),
    name: textOf(attributes.get(linkAttribute.name)),
    isUp: (payload.readUInt32LE(8) & up) !== 0,
    master: numberOf(attributes.get(linkAttribute.master)),
    mtu: numberOf(attributes.get(linkAttribute.mtu)),
    macAddress: [...(attributes.get(linkAttribute.address) ?? [])]
      .map((byte) => byte.toString(16).padStart(2, "0"))
      .join(":"),
    kind: textOf(info.get(linkInfo.kind)),
    alias: textOf(attributes.get(linkAttribute.alias)),
  };
}

/** An IPv4 subnet that the machine has an address in or a route to. */
export interface KernelSubnet {
  address: number;
  prefixLength: number;
  linkIndex: number;
}

export function decodeAddress(payload: Buffer): KernelSubnet {
  const attributes = decodeAttributes(payload.subarray(8));
  return {
    address: addressOf(attributes.get(addressAttribute.local) ?? attributes.get(addressAttribute.address)),
    prefixLength: payload.readUInt8(1),
    linkIndex: payload.readUInt32LE(4),
  };
}

/** A route of the main table; undefined for those of other tables (local, broadcast) and the default route. */
export function decodeRoute(payload: Buffer): KernelSubnet | undefined {
  const attributes = decodeAttributes(payload.subarray(12));
  const table = attributes.has(routeAttribute.table)
    ? numberOf(attributes.get(routeAttribute.table))
    : payload.readUInt8(4);
  const prefixLength = payload.readUInt8(1);
  if (table !== mainTable || prefixLength === 0) return undefined;
  return {
    address: addressOf(attributes.get(routeAttribute.destination)),
    prefixLength,
    linkIndex: numberOf(attributes.get(routeAttribute.outputInterface)),
  };
}

function networkOrder(address: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(address >>> 0);
  return bytes;
}

function macBytes(macAddress: string): Buffer {
  return Buffer.from(macAddress.replaceAll(":", ""), "hex");
}

function addressOf(bytes: Buffer | undefined): number {
  return bytes && bytes.length >= 4 ? bytes.readUInt32BE(0) : 0;
}

function numberOf(bytes: Buffer | undefined): number {
  return bytes && bytes.length >= 4 ? bytes.readUInt32LE(0) : 0;
}

function textOf(bytes: Buffer | undefined): string {
  if (!bytes) return "";
  const end = bytes.indexOf(0);
  return bytes.toString("utf8", 0, end < 0 ? bytes.length : end);
}
