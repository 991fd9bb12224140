import { decodeAttributes, decodeText, type NetlinkMessage } from "./netlink-message.ts";
import { routeType } from "./rtnetlink-message.ts";

/** Links, IPv4 and IPv6 addresses, IPv4 and IPv6 settings (RTNLGRP_…). */
export const linkGroups = [1, 5, 9, 24, 25];

const newSettings = 80;
const setting = { link: 1, forwarding: 2 };
const linkName = 3;
const anyFamily = 0;

const loadHalf = 0x28;
const loadWord = 0x20;
const jumpIfEqual = 0x15;
const answer = 0x06;
const everything = 0xffff_ffff;
const typeOffset = 4;
/** After the header of the settings come the number of the link, then whether it forwards. */
const forwardingOffset = 32;
/** As a half word in network order, which the kernel reads it in. */
const typeOf = (type: number) => type << 8;

/**
 * A program of bpf(4) that lets through what takes something away: links, addresses, forwarding. Each start of a container announces a
 * dozen other things.
 */
export const lossFilter = Buffer.concat(
  [
    [loadHalf, 0, 0, typeOffset],
    [jumpIfEqual, 4, 0, typeOf(routeType.deleteLink)],
    [jumpIfEqual, 3, 0, typeOf(routeType.deleteAddress)],
    [jumpIfEqual, 0, 3, typeOf(newSettings)],
    [loadWord, 0, 0, forwardingOffset],
    [jumpIfEqual, 0, 1, 0],
    [answer, 0, 0, everything],
    [answer, 0, 0, 0],
  ].map(([code = 0, whenTrue = 0, whenFalse = 0, value = 0]) => {
    const bytes = Buffer.alloc(8);
    bytes.writeUInt16LE(code, 0);
    bytes.writeUInt8(whenTrue, 2);
    bytes.writeUInt8(whenFalse, 3);
    bytes.writeUInt32LE(value, 4);
    return bytes;
  }),
);

/** Something that the machine has no longer. */
export type LinkLoss = { link: string } | { addressOf: number } | { forwardingOf: number };

/** @returns undefined for other announcements. Of forwarding, -1 is the setting of all links. */
export function decodeLinkLoss({ type, payload }: NetlinkMessage): LinkLoss | undefined {
  if (type === routeType.deleteLink) {
    if (payload[0] !== anyFamily) return undefined;
    return { link: decodeText(decodeAttributes(payload.subarray(16)).get(linkName)) };
  }
  if (type === routeType.deleteAddress) return { addressOf: payload.readUInt32LE(4) };
  if (type !== newSettings) return undefined;
  const attributes = decodeAttributes(payload.subarray(4));
  const value = attributes.get(setting.forwarding)?.readInt32LE();
  const link = attributes.get(setting.link)?.readInt32LE();
  return value === 0 && link !== undefined ? { forwardingOf: link } : undefined;
}
