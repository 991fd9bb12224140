import {
  type Attribute,
  decodeAttributes,
  decodeText,
  encodeAttributes,
  encodeMessage,
  encodeText,
  listAttributes,
  messageFlag,
  type NetlinkMessage,
  zeroes,
} from "./netlink-message.ts";
import { tableFamilies } from "./nftables-chains.ts";

/** An element of an nftables set or map, as raw bytes; each part of a concatenation fills whole words of four. */
export interface SetElement {
  verb: "add" | "delete";
  set: string;
  key: Buffer;
  /** The last key, for a range in a set of intervals. */
  end?: Buffer;
  /** Of one that is added to a map. */
  value?: Buffer;
  /** Of one that is added to a map of verdicts. */
  verdict?: Verdict;
}

/** What becomes of a packet, or the chain that it goes on in. */
export type Verdict = "accept" | "drop" | { goto: string };

const batchBegin = 16;
const batchEnd = 17;
const subsystem = 10;
const newElement = (subsystem << 8) | 12;
const deleteElement = (subsystem << 8) | 14;
const newTable = subsystem << 8;
const deleteTable = (subsystem << 8) | 2;
const inetFamily = 1;
const tableAttribute = { name: 1, flags: 2 };
const tableFlag = { owner: 2, persist: 4 };
const listAttribute = { table: 1, set: 2, elements: 3 };
const elementItem = 1;
const elementAttribute = { key: 1, data: 2, keyEnd: 10 };
const dataValue = 1;
const dataVerdict = 2;
const verdictAttribute = { code: 1, chain: 2 };
const verdictCode = { drop: 0, accept: 1, goto: -4 };

/** `struct nfgenmsg`: address family, version, and a resource id that only batch messages use. */
function header(family: number, resource: number): Buffer {
  return Buffer.from([family, 0, resource >> 8, resource & 255]);
}

/** A transaction's bytes, and the sequence numbers of its begin and of the message that is acknowledged. */
export interface Batch {
  bytes: Buffer;
  first: number;
  acknowledged: number;
}

/** In one message, which has room for 64 KiB. */
const mostTogether = 128;

/**
 * One transaction that adds or deletes elements of sets and maps in an `inet` table, neighbours of one set in one message. Messages are
 * numbered from `sequence` on; only the last is acknowledged, all that fail are answered.
 */
export function encodeElementBatch(table: string, elements: SetElement[], sequence: number): Batch {
  return encodeBatch(
    inetFamily,
    sequence,
    groupNeighbours(elements).map(([first, ...others]) => ({
      type: first.verb === "add" ? newElement : deleteElement,
      flags: first.verb === "add" ? messageFlag.create : 0,
      payload: encodeElements(table, [first, ...others]),
    })),
  );
}

/**
 * One transaction that makes an existing `inet` table this socket's own: no other process can change or remove it, not even by
 * flushing the ruleset. It stays when the socket is closed, for the next one to take. Linux 6.9 and newer.
 */
export function encodeOwningBatch(table: string, sequence: number): Batch {
  const flags = zeroes(4);
  flags.writeUInt32BE(tableFlag.owner | tableFlag.persist);
  const payload = encodeAttributes([
    [tableAttribute.name, encodeText(table)],
    [tableAttribute.flags, flags],
  ]);
  return encodeBatch(inetFamily, sequence, [{ type: newTable, flags: 0, payload }]);
}

export function encodeTableRemovalBatch(table: string, sequence: number): Batch {
  const payload = encodeAttributes([[tableAttribute.name, encodeText(table)]]);
  return encodeBatch(inetFamily, sequence, [{ type: deleteTable, flags: 0, payload }]);
}

/** One message of a transaction. */
export interface NftChange {
  type: number;
  flags: number;
  payload: Buffer;
}

/** @param family of the tables that it is about */
export function encodeBatch(family: number, sequence: number, changes: NftChange[]): Batch {
  const begin = { type: batchBegin, flags: messageFlag.request, sequence, payload: header(0, subsystem) };
  const messages = changes.map(({ type, flags, payload }, index) => ({
    type,
    flags: messageFlag.request | flags | (index === changes.length - 1 ? messageFlag.acknowledge : 0),
    sequence: sequence + 1 + index,
    payload: Buffer.concat([header(family, 0), payload]),
  }));
  const acknowledged = sequence + changes.length;
  const end = { ...begin, type: batchEnd, sequence: acknowledged + 1 };
  return {
    bytes: Buffer.concat([begin, ...messages, end].map(encodeMessage)),
    first: sequence,
    acknowledged,
  };
}

type Neighbours = [SetElement, ...SetElement[]];

function groupNeighbours(elements: readonly SetElement[]): Neighbours[] {
  const groups: Neighbours[] = [];
  for (const element of elements) {
    const group = groups.at(-1);
    const [first] = group ?? [];
    if (group && group.length < mostTogether && first?.set === element.set && first.verb === element.verb)
      group.push(element);
    else groups.push([element]);
  }
  return groups;
}

function encodeElements(table: string, elements: Neighbours): Buffer {
  const items = elements.map(({ key, end, value, verdict }): Attribute => {
    const parts: Attribute[] = [[elementAttribute.key, [[dataValue, key]]]];
    if (end) parts.push([elementAttribute.keyEnd, [[dataValue, end]]]);
    if (verdict) parts.push([elementAttribute.data, [[dataVerdict, encodeVerdict(verdict)]]]);
    if (value) parts.push([elementAttribute.data, [[dataValue, value]]]);
    return [elementItem, parts];
  });
  return encodeAttributes([
    [listAttribute.table, encodeText(table)],
    [listAttribute.set, encodeText(elements[0].set)],
    [listAttribute.elements, items],
  ]);
}

const getElements = (subsystem << 8) | 13;

/** A set or map of a table of a family, "inet" or another. */
export interface TableSet {
  family: string;
  table: string;
  set: string;
}

/** Asks for all elements of a set. */
export function encodeElementQuery({ family, table, set }: TableSet): { type: number; payload: Buffer } {
  const attributes = encodeAttributes([
    [listAttribute.table, encodeText(table)],
    [listAttribute.set, encodeText(set)],
  ]);
  return { type: getElements, payload: Buffer.concat([header(familyNumber(family), 0), attributes]) };
}

const familyNumber = (name: string) =>
  Number(Object.keys(tableFamilies).find((number) => tableFamilies[Number(number)] === name));

/** The keys of the elements in one of the answers. */
export function decodeElementKeys(payload: Buffer): Buffer[] {
  const list = decodeAttributes(payload.subarray(4)).get(listAttribute.elements) ?? Buffer.alloc(0);
  return listAttributes(list).flatMap(([, element]) => {
    const key = decodeAttributes(element).get(elementAttribute.key);
    return (key && decodeAttributes(key).get(dataValue)) ?? [];
  });
}

function encodeVerdict(verdict: Verdict): Attribute[] {
  const code = zeroes(4);
  code.writeInt32BE(verdictCode[typeof verdict === "string" ? verdict : "goto"]);
  const chain: Attribute[] =
    typeof verdict === "string" ? [] : [[verdictAttribute.chain, encodeText(verdict.goto)]];
  return [[verdictAttribute.code, code], ...chain];
}

/** The multicast group that changes of the ruleset are announced to. */
export const nftGroup = 7;

/** The numbers of messages, and of the attribute that has the name. */
const noticed = {
  table: { made: 0, removed: 2, name: undefined },
  chain: { made: 3, removed: 5, name: 3 },
  rule: { made: 6, removed: 8, name: 2 },
  set: { made: 9, removed: 11, name: 2 },
  element: { made: 12, removed: 14, name: 2 },
} as const;
type Kind = keyof typeof noticed;
const kinds = new Map(
  Object.entries(noticed).flatMap(([kind, { made, removed }]) => [
    [made as number, { kind: kind as Kind, isRemoval: false }],
    [removed as number, { kind: kind as Kind, isRemoval: true }],
  ]),
);

/** Something is new, changed or removed. */
export interface NftNotice {
  kind: Kind;
  isRemoval: boolean;
  /** "" for one that this does not know. */
  family: string;
  table: string;
  /** Of the chain, or that of the rule; of the set, or that of the elements; "" where it is a table. */
  name: string;
}

/** Undefined for any other message. */
export function decodeNftNotice({ type, payload }: NetlinkMessage): NftNotice | undefined {
  const change = type >> 8 === subsystem ? kinds.get(type & 255) : undefined;
  if (!change) return undefined;
  const attributes = decodeAttributes(payload.subarray(4));
  const { name } = noticed[change.kind];
  return {
    ...change,
    family: tableFamilies[payload[0] ?? 0] ?? "",
    table: decodeText(attributes.get(listAttribute.table)),
    name: name === undefined ? "" : decodeText(attributes.get(name)),
  };
}
