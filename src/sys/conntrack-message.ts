import { decodeAttributes, encodeAttributes } from "./netlink-message.ts";

const subsystem = 1;
/** Message types for `NetlinkSocket.dump` and `.request`. */
export const conntrackType = { get: (subsystem << 8) | 1, delete: (subsystem << 8) | 2 };

const inet = 2;
/** `struct nfgenmsg` */
const header = Buffer.from([inet, 0, 0, 0]);
const originalTuple = 1;
const nested = 0x8000;
const tupleProtocol = 2;
const protocolAttribute = { number: 1, destinationPort: 3 };

/** A connection the kernel tracks, by what its first packet asked for. */
interface TrackedFlow {
  /** 6 for TCP, 17 for UDP. */
  protocol: number;
  destinationPort: number;
  /** As the kernel named it; `encodeFlowDeletion` gives it back. */
  tuple: Buffer;
}

/** Payload that asks for all IPv4 connections. */
export function encodeFlowQuery(): Buffer {
  return header;
}

/** Undefined when it has no ports. */
export function decodeFlow(payload: Buffer): TrackedFlow | undefined {
  const tuple = decodeAttributes(payload.subarray(header.length)).get(originalTuple);
  const proto = tuple && decodeAttributes(tuple).get(tupleProtocol);
  const fields = proto && decodeAttributes(proto);
  const number = fields?.get(protocolAttribute.number);
  const port = fields?.get(protocolAttribute.destinationPort);
  if (!tuple || !number?.length || !port || port.length < 2) return undefined;
  return { protocol: number.readUInt8(0), destinationPort: port.readUInt16BE(0), tuple };
}

export function encodeFlowDeletion(flow: TrackedFlow): Buffer {
  return Buffer.concat([header, encodeAttributes([[nested | originalTuple, flow.tuple]])]);
}
