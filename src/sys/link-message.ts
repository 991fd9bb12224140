import {
  type Attribute,
  decodeAttributes,
  decodeText,
  decodeUint32,
  encodeAttributes,
  encodeText,
  messageFlag,
  uint8,
  uint32,
  zeroes,
} from "./netlink-message.ts";
import { type RouteRequest, routeType } from "./rtnetlink-message.ts";

const linkAttribute = {
  address: 1,
  name: 3,
  mtu: 4,
  parent: 5,
  master: 10,
  linkInfo: 18,
  netnsFd: 28,
  alias: 20,
};
const linkInfo = { kind: 1, data: 2, slaveKind: 4, slaveData: 5 };
const bridgePort = { mode: 4, isolated: 33 };
const vethPeer = 1;
const up = 1;
export interface LinkSettings {
  name?: string;
  /** Index of the link that it is a part of. */
  parent?: number;
  /** The namespace that it is made in, when it is not the socket's. */
  netnsFd?: number;
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
  const header = zeroes(16);
  header.writeInt32LE(index, 4);
  if (isUp !== undefined) {
    header.writeUInt32LE(isUp ? up : 0, 8);
    header.writeUInt32LE(up, 12);
  }
  return header;
}

function linkAttributes(settings: LinkSettings): Attribute[] {
  const attributes: Attribute[] = [];
  if (settings.name !== undefined) attributes.push([linkAttribute.name, encodeText(settings.name)]);
  if (settings.parent !== undefined) attributes.push([linkAttribute.parent, uint32(settings.parent)]);
  if (settings.netnsFd !== undefined) attributes.push([linkAttribute.netnsFd, uint32(settings.netnsFd)]);
  if (settings.mtu !== undefined) attributes.push([linkAttribute.mtu, uint32(settings.mtu)]);
  if (settings.master !== undefined) attributes.push([linkAttribute.master, uint32(settings.master)]);
  if (settings.macAddress !== undefined)
    attributes.push([linkAttribute.address, macBytes(settings.macAddress)]);
  if (settings.alias !== undefined) attributes.push([linkAttribute.alias, Buffer.from(settings.alias)]);
  return attributes;
}

/** @param data what links of that kind can be asked for */
export function encodeNewLink(kind: string, settings: LinkSettings, data: Attribute[] = []): RouteRequest {
  const info: Attribute = [
    linkAttribute.linkInfo,
    [[linkInfo.kind, encodeText(kind)], ...(data.length > 0 ? [[linkInfo.data, data] as Attribute] : [])],
  ];
  const payload = Buffer.concat([
    linkHeader(0, settings.up),
    encodeAttributes([...linkAttributes(settings), info]),
  ]);
  return { type: routeType.newLink, flags: messageFlag.create | messageFlag.exclusive, payload };
}

/** A veth pair whose second end is made in the namespace behind `netnsFd`. */
export function encodeNewVeth(settings: LinkSettings, peer: LinkSettings, netnsFd: number): RouteRequest {
  const peerBytes = Buffer.concat([
    linkHeader(0, peer.up),
    encodeAttributes(linkAttributes({ ...peer, netnsFd })),
  ]);
  return encodeNewLink("veth", settings, [[vethPeer, peerBytes]]);
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

/**
 * Lets a port send frames back to where they came from. An isolated one reaches the bridge itself, but no other isolated port.
 * The link has to be a port of a bridge already.
 */
export function encodePortMode(name: string, { isIsolated }: { isIsolated: boolean }): RouteRequest {
  const info: Attribute = [
    linkAttribute.linkInfo,
    [
      [linkInfo.slaveKind, encodeText("bridge")],
      [
        linkInfo.slaveData,
        [[bridgePort.mode, uint8(1)], ...(isIsolated ? [[bridgePort.isolated, uint8(1)] as Attribute] : [])],
      ],
    ],
  ];
  const payload = Buffer.concat([
    linkHeader(0, undefined),
    encodeAttributes([[linkAttribute.name, encodeText(name)], info]),
  ]);
  return { type: routeType.newLink, flags: 0, payload };
}

export function encodeDeleteLink(name: string): RouteRequest {
  const payload = Buffer.concat([
    linkHeader(0, undefined),
    encodeAttributes([[linkAttribute.name, encodeText(name)]]),
  ]);
  return { type: routeType.deleteLink, flags: 0, payload };
}

/** Payload that asks for all links; for one, pass its name. */
export function encodeLinkQuery(name?: string): Buffer {
  const attributes: Attribute[] = name === undefined ? [] : [[linkAttribute.name, encodeText(name)]];
  return Buffer.concat([linkHeader(0, undefined), encodeAttributes(attributes)]);
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
    name: decodeText(attributes.get(linkAttribute.name)),
    isUp: (payload.readUInt32LE(8) & up) !== 0,
    master: decodeUint32(attributes.get(linkAttribute.master)),
    mtu: decodeUint32(attributes.get(linkAttribute.mtu)),
    macAddress: [...(attributes.get(linkAttribute.address) ?? [])]
      .map((byte) => byte.toString(16).padStart(2, "0"))
      .join(":"),
    kind: decodeText(info.get(linkInfo.kind)),
    alias: decodeText(attributes.get(linkAttribute.alias)),
  };
}

function macBytes(macAddress: string): Buffer {
  return Buffer.from(macAddress.replaceAll(":", ""), "hex");
}
