import {
  type Attribute,
  decodeAttributes,
  decodeUint32,
  encodeAttributes,
  messageFlag,
  uint32,
} from "./netlink-message.ts";
import { type RouteRequest, routeType } from "./rtnetlink-message.ts";

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
const scope = { universe: 0, link: 253 };
const mainTable = 254;
const protocolBoot = 3;
const unicast = 1;

/** Adds an IPv4 address (4 bytes as one number); the kernel adds the route of its subnet. */
export function encodeNewAddress(linkIndex: number, address: number, prefixLength: number): RouteRequest {
  const hostMask = prefixLength === 0 ? 0xffffffff : 2 ** (32 - prefixLength) - 1;
  const broadcast: Attribute = [addressAttribute.broadcast, networkOrder((address | hostMask) >>> 0)];
  return {
    type: routeType.newAddress,
    flags: messageFlag.create | messageFlag.replace,
    payload: addressPayload(linkIndex, address, prefixLength, prefixLength < 31 ? [broadcast] : []),
  };
}

export function encodeDeleteAddress({ linkIndex, address, prefixLength }: KernelSubnet): RouteRequest {
  return {
    type: routeType.deleteAddress,
    flags: 0,
    payload: addressPayload(linkIndex, address, prefixLength, []),
  };
}

function addressPayload(
  linkIndex: number,
  address: number,
  prefixLength: number,
  others: Attribute[],
): Buffer {
  const header = Buffer.from([inet, prefixLength, 0, 0, 0, 0, 0, 0]);
  header.writeUInt32LE(linkIndex, 4);
  const own: Attribute[] = [
    [addressAttribute.local, networkOrder(address)],
    [addressAttribute.address, networkOrder(address)],
  ];
  return Buffer.concat([header, encodeAttributes([...own, ...others])]);
}

export function encodeDefaultRoute(gateway: number, linkIndex: number): RouteRequest {
  const header = Buffer.from([inet, 0, 0, 0, mainTable, protocolBoot, scope.universe, unicast, 0, 0, 0, 0]);
  const attributes = encodeAttributes([
    [routeAttribute.gateway, networkOrder(gateway)],
    [routeAttribute.outputInterface, uint32(linkIndex)],
  ]);
  return {
    type: routeType.newRoute,
    flags: messageFlag.create | messageFlag.exclusive,
    payload: Buffer.concat([header, attributes]),
  };
}

/** Payload that asks for all IPv4 addresses or routes. */
export function encodeInetQuery(): Buffer {
  const header = Buffer.alloc(12);
  header[0] = inet;
  return header;
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
    ? decodeUint32(attributes.get(routeAttribute.table))
    : payload.readUInt8(4);
  const prefixLength = payload.readUInt8(1);
  if (table !== mainTable || prefixLength === 0) return undefined;
  return {
    address: addressOf(attributes.get(routeAttribute.destination)),
    prefixLength,
    linkIndex: decodeUint32(attributes.get(routeAttribute.outputInterface)),
  };
}

function networkOrder(address: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(address >>> 0);
  return bytes;
}

function addressOf(bytes: Buffer | undefined): number {
  return bytes && bytes.length >= 4 ? bytes.readUInt32BE(0) : 0;
}
