import { decodeAttributes, decodeText, zeroes } from "./netlink-message.ts";

const subsystem = 10;
const getChain = (subsystem << 8) | 4;
const chainAttribute = { table: 1, name: 3, hook: 4, policy: 5, uses: 6 };
const hookNumber = 1;
/** Names of tables' families, by number. */
export const tableFamilies: Readonly<Record<number, string>> = { 1: "inet", 2: "ip", 7: "bridge", 10: "ip6" };
const forwardHook = 2;
const dropped = 0;

/** A chain of any program's table. */
export interface NftChain {
  /** "" for one that this does not know. */
  family: string;
  table: string;
  name: string;
  /** It sees what is forwarded. */
  isForward: boolean;
  /** It lets nothing pass that no rule accepts. */
  dropsTheRest: boolean;
  /** It has rules; one without a hook may have none and be jumped to. */
  hasRules: boolean;
}

/** Asks for all chains of all tables. */
export function encodeChainQuery(): { type: number; payload: Buffer } {
  return { type: getChain, payload: zeroes(4) };
}

export function decodeChain(payload: Buffer): NftChain {
  const attributes = decodeAttributes(payload.subarray(4));
  const hook = decodeAttributes(attributes.get(chainAttribute.hook) ?? Buffer.alloc(0));
  return {
    family: tableFamilies[payload[0] ?? 0] ?? "",
    table: decodeText(attributes.get(chainAttribute.table)),
    name: decodeText(attributes.get(chainAttribute.name)),
    isForward: hook.get(hookNumber)?.readUInt32BE() === forwardHook,
    dropsTheRest: attributes.get(chainAttribute.policy)?.readUInt32BE() === dropped,
    hasRules: (attributes.get(chainAttribute.uses)?.readUInt32BE() ?? 0) > 0,
  };
}
