import { type Attribute, encodeAttributes, encodeMessage, messageFlag, text } from "./netlink-message.ts";

/** An element of an nftables map, as raw bytes; each part of a concatenation fills whole words of four. */
export interface MapElement {
  map: string;
  key: Buffer;
  /** Absent when the element is to be deleted. */
  value?: Buffer;
}

const batchBegin = 16;
const batchEnd = 17;
const subsystem = 10;
const newElement = (subsystem << 8) | 12;
const deleteElement = (subsystem << 8) | 14;
const inetFamily = 1;
const listAttribute = { table: 1, set: 2, elements: 3 };
const elementItem = 1;
const elementAttribute = { key: 1, data: 2 };
const dataValue = 1;

/** `struct nfgenmsg`: address family, version, and a resource id that only batch messages use. */
function header(family: number, resource: number): Buffer {
  return Buffer.from([family, 0, resource >> 8, resource & 255]);
}

/**
 * One transaction that adds or deletes elements of maps in an `inet` table. Messages are numbered from `sequence` on; only
 * the last element's is acknowledged, all that fail are answered.
 */
export function encodeElementBatch(
  table: string,
  elements: MapElement[],
  sequence: number,
): { bytes: Buffer; first: number; acknowledged: number } {
  const begin = { type: batchBegin, flags: messageFlag.request, sequence, payload: header(0, subsystem) };
  const changes = elements.map((element, index) => ({
    type: element.value ? newElement : deleteElement,
    flags:
      messageFlag.request |
      (element.value ? messageFlag.create : 0) |
      (index === elements.length - 1 ? messageFlag.acknowledge : 0),
    sequence: sequence + 1 + index,
    payload: Buffer.concat([header(inetFamily, 0), encodeElement(table, element)]),
  }));
  const acknowledged = sequence + elements.length;
  const end = { ...begin, type: batchEnd, sequence: acknowledged + 1 };
  return { bytes: Buffer.concat([begin, ...changes, end].map(encodeMessage)), first: sequence, acknowledged };
}

function encodeElement(table: string, { map, key, value }: MapElement): Buffer {
  const parts: Attribute[] = [[elementAttribute.key, [[dataValue, key]]]];
  if (value) parts.push([elementAttribute.data, [[dataValue, value]]]);
  return encodeAttributes([
    [listAttribute.table, text(table)],
    [listAttribute.set, text(map)],
    [listAttribute.elements, [[elementItem, parts]]],
  ]);
}
