import { type Attribute, decodeAttributes, encodeAttributes, zeroes } from "./netlink-message.ts";

const subsystem = 1;
/** Message types for `NetlinkSocket.dump` and `.request`. */
export const conntrackType = { get: (subsystem << 8) | 1, delete: (subsystem << 8) | 2 };

const inet = { 4: 2, 6: 10 };
/** `struct nfgenmsg` */
const header = (family: 4 | 6) => Buffer.from([inet[family], 0, 0, 0]);
const headerBytes = 4;
const originalTuple = 1;
const nested = 0x8000;
const tupleAttribute = { addresses: 1, protocol: 2 };
const filter = 25;
const filterFlags = 1;
const filterFlag = { protocol: 1 << 3, destinationPort: 1 << 5 };
const addressAttribute = { destination: 2, destination6: 4 };
const protocolAttribute = { number: 1, destinationPort: 3 };

/** A connection the kernel tracks, by what its first packet asked for. */
export interface TrackedFlow {
  /** 6 for TCP, 17 for UDP. */
  protocol: number;
  /** 4 or 16 bytes in network order. */
  destination: Buffer;
  destinationPort: number;
  /** As the kernel named it; `encodeFlowDeletion` gives it back. */
  tuple: Buffer;
}

/**
 * Payload that asks for the connections of a family to these ports. Linux before 5.8 answers with all, and a list of ports gets those of
 * the protocol.
 */
export function encodeFlowQuery(family: 4 | 6, protocol: number, ports: ReadonlySet<number>): Buffer {
  const [port] = ports;
  const fields: Attribute[] = [[protocolAttribute.number, Buffer.of(protocol)]];
  const flags = zeroes(4);
  flags.writeUInt32LE(filterFlag.protocol);
  if (port !== undefined && ports.size === 1) {
    fields.push([protocolAttribute.destinationPort, Buffer.of(port >> 8, port & 255)]);
    flags.writeUInt32LE(filterFlag.protocol | filterFlag.destinationPort);
  }
  const attributes = encodeAttributes([
    [nested | originalTuple, [[nested | tupleAttribute.protocol, fields]]],
    [nested | filter, [[filterFlags, flags]]],
  ]);
  return Buffer.concat([header(family), attributes]);
}

const nothing = Buffer.alloc(0);

/** Undefined when it has no ports. */
export function decodeFlow(payload: Buffer): TrackedFlow | undefined {
  const tuple = decodeAttributes(payload.subarray(headerBytes)).get(originalTuple);
  if (!tuple) return undefined;
  const parts = decodeAttributes(tuple);
  const addresses = decodeAttributes(parts.get(tupleAttribute.addresses) ?? nothing);
  const fields = decodeAttributes(parts.get(tupleAttribute.protocol) ?? nothing);
  const destination =
    addresses.get(addressAttribute.destination) ?? addresses.get(addressAttribute.destination6);
  const number = fields.get(protocolAttribute.number);
  const port = fields.get(protocolAttribute.destinationPort);
  if (!destination || ![4, 16].includes(destination.length) || number?.length !== 1 || port?.length !== 2)
    return undefined;
  return {
    protocol: number.readUInt8(0),
    destination,
    destinationPort: port.readUInt16BE(0),
    tuple,
  };
}

export function encodeFlowDeletion(flow: TrackedFlow): Buffer {
  const family = flow.destination.length === 4 ? 4 : 6;
  return Buffer.concat([header(family), encodeAttributes([[nested | originalTuple, flow.tuple]])]);
}
