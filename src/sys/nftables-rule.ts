import { type Attribute, encodeAttributes, encodeText, messageFlag, zeroes } from "./netlink-message.ts";
import { type Batch, encodeBatch, type NftChange } from "./nftables-message.ts";

/** A chain of a new table of the family `ip`, with all of its rules. */
export interface FilterTable {
  table: string;
  chain: string;
  hook: keyof typeof hooks;
  /** Lower ones come first. */
  priority: number;
  /** Each a list of expressions, evaluated in order until one does not match. */
  rules: Attribute[][];
}

const hooks = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 } as const;
const ipFamily = 2;
const subsystem = 10 << 8;
const message = { newTable: subsystem, newChain: subsystem | 3, newRule: subsystem | 6 };
const append = 0x800;
const tableName = 1;
const chainAttribute = { table: 1, name: 3, hook: 4, type: 7 };
const hookAttribute = { number: 1, priority: 2 };
const ruleAttribute = { table: 1, chain: 2, expressions: 4 };
const listItem = 1;
const expressionAttribute = { name: 1, data: 2 };
const payloadAttribute = {
  ...{ target: 1, base: 2, offset: 3, length: 4, source: 5 },
  ...{ checksumType: 6, checksumOffset: 7 },
};
const compareAttribute = { source: 1, operator: 2, data: 3 };
const metaAttribute = { target: 1, key: 2 };
const immediateAttribute = { target: 1, data: 2 };
const dataAttribute = { value: 1, verdict: 2 };
const verdictCode = 1;
const internetChecksum = 1;
/** The one register that these rules need, and that of verdicts. */
const register = 1;
const verdictRegister = 0;
const accept = 1;

/** Where a packet's parts begin. */
export const header = { network: 1, transport: 2 } as const;
export const metaKey = { outputInterface: 5, transportProtocol: 16 } as const;

/** One transaction that makes it all, or nothing. */
export function encodeTableBatch(made: FilterTable, sequence: number): Batch {
  const { table, chain, hook, priority, rules } = made;
  const create = messageFlag.create | messageFlag.exclusive;
  const changes: NftChange[] = [
    { type: message.newTable, flags: create, payload: encodeAttributes([[tableName, encodeText(table)]]) },
    {
      type: message.newChain,
      flags: create,
      payload: encodeAttributes([
        [chainAttribute.table, encodeText(table)],
        [chainAttribute.name, encodeText(chain)],
        [
          chainAttribute.hook,
          [
            [hookAttribute.number, uint32BE(hooks[hook])],
            [hookAttribute.priority, uint32BE(priority)],
          ],
        ],
        [chainAttribute.type, encodeText("filter")],
      ]),
    },
    ...rules.map((expressions) => ({
      type: message.newRule,
      flags: messageFlag.create | append,
      payload: encodeAttributes([
        [ruleAttribute.table, encodeText(table)],
        [ruleAttribute.chain, encodeText(chain)],
        [ruleAttribute.expressions, expressions],
      ]),
    })),
  ];
  return encodeBatch(ipFamily, sequence, changes);
}

/** Loads bytes of the packet. */
export const loadPayload = (base: number, offset: number, length: number) =>
  expression("payload", [
    [payloadAttribute.target, uint32BE(register)],
    [payloadAttribute.base, uint32BE(base)],
    [payloadAttribute.offset, uint32BE(offset)],
    [payloadAttribute.length, uint32BE(length)],
  ]);

/** Writes the loaded bytes into the packet, and puts its checksum right, which is at `checksumOffset`. */
export const writePayload = (base: number, offset: number, length: number, checksumOffset: number) =>
  expression("payload", [
    [payloadAttribute.source, uint32BE(register)],
    [payloadAttribute.base, uint32BE(base)],
    [payloadAttribute.offset, uint32BE(offset)],
    [payloadAttribute.length, uint32BE(length)],
    [payloadAttribute.checksumType, uint32BE(internetChecksum)],
    [payloadAttribute.checksumOffset, uint32BE(checksumOffset)],
  ]);

export const loadMeta = (key: number) =>
  expression("meta", [
    [metaAttribute.target, uint32BE(register)],
    [metaAttribute.key, uint32BE(key)],
  ]);

/** Goes on when the loaded bytes are these, or are not. */
export const compare = (operator: "equal" | "unequal", value: Uint8Array) =>
  expression("cmp", [
    [compareAttribute.source, uint32BE(register)],
    [compareAttribute.operator, uint32BE(operator === "equal" ? 0 : 1)],
    [compareAttribute.data, [[dataAttribute.value, Buffer.from(value)]]],
  ]);

export const loadValue = (value: Uint8Array) =>
  expression("immediate", [
    [immediateAttribute.target, uint32BE(register)],
    [immediateAttribute.data, [[dataAttribute.value, Buffer.from(value)]]],
  ]);

export const acceptPacket = () =>
  expression("immediate", [
    [immediateAttribute.target, uint32BE(verdictRegister)],
    [immediateAttribute.data, [[dataAttribute.verdict, [[verdictCode, uint32BE(accept)]]]]],
  ]);

/** An expression of a rule. */
function expression(name: string, data: Attribute[]): Attribute {
  return [
    listItem,
    [
      [expressionAttribute.name, encodeText(name)],
      [expressionAttribute.data, data],
    ],
  ];
}

/** Numbers of nftables are in network order; a negative one is a priority. */
function uint32BE(value: number): Buffer {
  const bytes = zeroes(4);
  bytes.writeInt32BE(value | 0);
  return bytes;
}
