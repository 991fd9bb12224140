import {
  type Attribute,
  decodeAttributes,
  decodeUint32,
  encodeAttributes,
  messageFlag,
  uint32,
  zeroes,
} from "./netlink-message.ts";
import { type RouteRequest, routeType } from "./rtnetlink-message.ts";

const addressAttribute = { address: 1, local: 2, broadcast: 4 };
const routeAttribute = {
  destination: 1,
  outputInterface: 4,
  gateway: 5,
  priority: 6,
  preferredSource: 7,
  multipath: 9,
  table: 15,
  via: 18,
};
const families: Record<number, number> = { 4: 2, 16: 10 };
const scope = { universe: 0, link: 253 };
const mainTable = 254;
const localTable = 255;
const protocolBoot = 3;
/** IFA_F_NODAD */
const withoutDetection = 2;
const unicast = 1;

/**
 * Adds an address; the kernel adds the route of its subnet.
 * @param broadcast of its subnet, for IPv4 where there is one
 */
export function encodeNewAddress(
  { linkIndex, address, prefixLength }: KernelSubnet,
  broadcast?: Buffer,
): RouteRequest {
  const others: Attribute[] = broadcast ? [[addressAttribute.broadcast, broadcast]] : [];
  return {
    type: routeType.newAddress,
    flags: messageFlag.create | messageFlag.replace,
    payload: addressPayload(linkIndex, address, prefixLength, others),
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
  address: Buffer,
  prefixLength: number,
  others: Attribute[],
): Buffer {
  // The engine knows that no other container has an IPv6 address: it can be used at once.
  const flags = address.length === 16 ? withoutDetection : 0;
  const header = Buffer.from([familyOf(address), prefixLength, flags, 0, 0, 0, 0, 0]);
  header.writeUInt32LE(linkIndex, 4);
  const own: Attribute[] = [
    [addressAttribute.local, address],
    [addressAttribute.address, address],
  ];
  return Buffer.concat([header, encodeAttributes([...own, ...others])]);
}

/** @param gateway all zeroes where every address is on the link itself */
export function encodeDefaultRoute(
  gateway: Buffer,
  linkIndex: number,
  { replaces = false } = {},
): RouteRequest {
  const isOnLink = gateway.every((byte) => byte === 0);
  const header = Buffer.from([
    familyOf(gateway),
    ...[0, 0, 0, mainTable, protocolBoot, isOnLink ? scope.link : scope.universe, unicast, 0, 0, 0, 0],
  ]);
  const via: Attribute[] = isOnLink ? [] : [[routeAttribute.gateway, gateway]];
  const attributes = encodeAttributes([...via, [routeAttribute.outputInterface, uint32(linkIndex)]]);
  return {
    type: routeType.newRoute,
    flags: messageFlag.create | (replaces ? messageFlag.replace : messageFlag.exclusive),
    payload: Buffer.concat([header, attributes]),
  };
}

export function encodeDefaultRouteDeletion(family: 4 | 6): RouteRequest {
  const inet = family === 4 ? families[4] : families[16];
  const payload = Buffer.from([inet ?? 0, 0, 0, 0, mainTable, 0, scope.universe, 0, 0, 0, 0, 0]);
  return { type: routeType.deleteRoute, flags: 0, payload };
}

/** Payload that asks for all addresses or routes, of both families. */
export function encodeInetQuery(): Buffer {
  return zeroes(12);
}

/** A subnet that the machine has an address in or a route to. */
export interface KernelSubnet {
  /** 4 or 16 bytes in network order. */
  address: Buffer;
  prefixLength: number;
  linkIndex: number;
}

/** Undefined for one of another family. */
export function decodeAddress(payload: Buffer): KernelSubnet | undefined {
  const attributes = decodeAttributes(payload.subarray(8));
  const address = attributes.get(addressAttribute.local) ?? attributes.get(addressAttribute.address);
  if (!address || !isInet(payload, address)) return undefined;
  return {
    address,
    prefixLength: payload.readUInt8(1),
    linkIndex: payload.readUInt32LE(4),
  };
}

export interface KernelRoute extends KernelSubnet {
  /** It leads to another machine, which knows the way. */
  hasGateway: boolean;
}

/** Undefined for the machine's own addresses (table local), other families, and a default route. */
export function decodeRoute(payload: Buffer): KernelRoute | undefined {
  const attributes = decodeAttributes(payload.subarray(12));
  const table = attributes.has(routeAttribute.table)
    ? decodeUint32(attributes.get(routeAttribute.table))
    : payload.readUInt8(4);
  const prefixLength = payload.readUInt8(1);
  const address = attributes.get(routeAttribute.destination);
  if (table === localTable || prefixLength === 0 || !address || !isInet(payload, address)) return undefined;
  return {
    address,
    prefixLength,
    linkIndex: decodeUint32(attributes.get(routeAttribute.outputInterface)),
    hasGateway: [routeAttribute.gateway, routeAttribute.via, routeAttribute.multipath].some((key) =>
      attributes.has(key),
    ),
  };
}

const familyOf = (address: Uint8Array) => families[address.length] ?? 0;

const isInet = (payload: Buffer, address: Buffer) => payload[0] === familyOf(address);
