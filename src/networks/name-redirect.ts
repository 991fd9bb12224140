import { hasCode } from "../errors.ts";
import { resolverAddress, resolverPort } from "../supervisor-protocol/names.ts";
import type { NetlinkSocket } from "../sys/netlink.ts";
import type { Attribute } from "../sys/netlink-message.ts";
import {
  acceptPacket,
  compare,
  type FilterTable,
  header,
  loadMeta,
  loadPayload,
  loadValue,
  metaKey,
  writePayload,
} from "../sys/nftables-rule.ts";

const domainPort = 53;
const loopbackIndex = Uint8Array.of(1, 0, 0, 0);
const offset = { sourceAddress: 12, destinationAddress: 16, sourcePort: 0, destinationPort: 2 };
const protocols = [
  { number: 6, checksumOffset: 16 },
  { number: 17, checksumOffset: 6 },
];

/**
 * Leads 127.0.0.11:53 in a namespace to the port that the resolver listens on, and its answers back. Packet by packet, by their
 * numbers alone: a connection tracker would look at every packet that the container ever sends.
 */
export const nameRedirect: FilterTable = {
  table: "berth-names",
  chain: "output",
  hook: "output",
  // Before all that a container's own rules may do, and before connection tracking.
  priority: -400,
  rules: [
    [loadMeta(metaKey.outputInterface), compare("unequal", loopbackIndex), acceptPacket()],
    ...protocols.flatMap(({ number, checksumOffset }) => [
      rewrite(number, checksumOffset, "destinationAddress", "destinationPort", domainPort, resolverPort),
      rewrite(number, checksumOffset, "sourceAddress", "sourcePort", resolverPort, domainPort),
    ]),
  ],
};

function rewrite(
  protocol: number,
  checksumOffset: number,
  address: keyof typeof offset,
  port: keyof typeof offset,
  from: number,
  to: number,
): Attribute[] {
  return [
    loadPayload(header.network, offset[address], 4),
    compare("equal", resolverAddress),
    loadMeta(metaKey.transportProtocol),
    compare("equal", Uint8Array.of(protocol)),
    loadPayload(header.transport, offset[port], 2),
    compare("equal", portBytes(from)),
    loadValue(portBytes(to)),
    writePayload(header.transport, offset[port], 2, checksumOffset),
  ];
}

function portBytes(port: number): Uint8Array {
  return Uint8Array.of(port >> 8, port & 255);
}

/** @param socket speaks to the namespace's packet filter. It may have been done before. */
export function redirectNames(socket: NetlinkSocket): void {
  try {
    socket.addTable(nameRedirect);
  } catch (error) {
    if (!hasCode(error, "EEXIST")) throw error;
  }
}
