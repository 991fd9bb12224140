import { decodeAttributes, encodeAttributes } from "./netlink-message.ts";

const subsystem = 1;
/** Message types for `NetlinkSocket.dump` and `.request`. */
export const conntrackType = { get: (subsystem << 8) | 1, delete: (subsystem << 8) | 2 };

const inet = 2;
/** `struct nfgenmsg` */
const header = Buffer.from([inet, 0, 0, 0]);
const originalTuple = 1;
const nested = 0x8000;
const tupleAttribute = { addresses: 1, protocol: 2 };
const addressAttribute = { destination: 2 };
const protocolAttribute = { number: 1, destinationPort: 3 };

/** A connection the kernel tracks, by what its first packet asked for. */
export interface TrackedFlow {
  /** 6 for TCP, 17 for UDP. */
  protocol: number;
  /** IPv4, as one number. */
  destination: number;
  destinationPort: number;
  /** As the kernel named it; `encodeFlowDeletion` gives it back. */
  tuple: Buffer;
}

/** Payload that asks for all IPv4 connections. */
export function encodeFlowQuery(): Buffer {
  return header;
}

const nothing = Buffer.alloc(0);

/** Undefined when it has no ports. */
export function decodeFlow(payload: Buffer): TrackedFlow | undefined {
  const tuple = decodeAttributes(payload.subarray(header.length)).get(originalTuple);
  if (!tuple) return undefined;
  const parts = decodeAttributes(tuple);
  const addresses = decodeAttributes(parts.get(tupleAttribute.addresses) ?? nothing);
  const fields = decodeAttributes(parts.get(tupleAttribute.protocol) ?? nothing);
  const destination = addresses.get(addressAttribute.destination);
  const number = fields.get(protocolAttribute.number);
  const port = fields.get(protocolAttribute.destinationPort);
  if (destination?.length !== 4 || number?.length !== 1 || port?.length !== 2) return undefined;
  return {
    protocol: number.readUInt8(0),
    destination: destination.readUInt32BE(0),
    destinationPort: port.readUInt16BE(0),
    tuple,
  };
}

export function encodeFlowDeletion(flow: TrackedFlow): Buffer {
  return Buffer.concat([header, encodeAttributes([[nested | originalTuple, flow.tuple]])]);
}
