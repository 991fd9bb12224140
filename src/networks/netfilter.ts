import { hasCode } from "../errors.ts";
import { decodeIpAddress, formatIpAddress, type IpAddress, isLoopback } from "../formats/ip-address.ts";
import {
  conntrackType,
  decodeFlow,
  encodeFlowDeletion,
  encodeFlowQuery,
  type TrackedFlow,
} from "../sys/conntrack-message.ts";
import { NetlinkSocket, netlinkProtocol } from "../sys/netlink.ts";
import { decodeChain, encodeChainQuery, type NftChain } from "../sys/nftables-chains.ts";
import {
  decodeElementKeys,
  encodeElementQuery,
  type SetElement,
  type TableSet,
} from "../sys/nftables-message.ts";

/** The kernel's packet filter. Runs on the network worker. */
interface Netfilter {
  /** In an `inet` table; a long list is sent in several transactions. */
  changeElements(table: string, elements: SetElement[]): void;
  /** The keys of a set's elements. */
  listKeys(set: TableSet): Buffer[];
  /** Of all tables. */
  listChains(): NftChain[];
  /** From then on only this process can change the table. False where the kernel cannot do that. */
  ownTable(table: string): boolean;
  /** Nothing happens when there is no such table. */
  removeTable(table: string): void;
  /**
   * Makes the kernel forget UDP flows to these ports of this machine: they would go on to where their first packet went.
   */
  forgetUdpFlows(ports: number[], ownAddresses: IpAddress[]): void;
  /** What announcements of its changes bear (`NetlinkSocket.bindPort`). */
  readonly port: number;
  close(): void;
}

/** Elements in one transaction, well within a socket's buffers. */
const batchSize = 1024;
const udp = 17;

export function createNetfilter(): Netfilter {
  const socket = new NetlinkSocket(netlinkProtocol.netfilter);
  const port = socket.bindPort();

  function forget(flow: TrackedFlow): void {
    try {
      socket.request([{ type: conntrackType.delete, flags: 0, payload: encodeFlowDeletion(flow) }]);
    } catch (error) {
      // It has ended by itself meanwhile.
      if (!hasCode(error, "ENOENT")) throw error;
    }
  }

  return {
    changeElements(table, elements) {
      for (let start = 0; start < elements.length; start += batchSize)
        socket.changeElements(table, elements.slice(start, start + batchSize).map(fromMessage));
    },
    listKeys(set) {
      const { type, payload } = encodeElementQuery(set);
      return socket
        .dump(type, payload)
        .flatMap(decodeElementKeys)
        .map((key) => Buffer.from(key));
    },
    listChains() {
      const { type, payload } = encodeChainQuery();
      return socket.dump(type, payload).map(decodeChain);
    },
    ownTable(table) {
      try {
        socket.ownTable(table);
        return true;
      } catch {
        return false;
      }
    },
    removeTable(table) {
      try {
        socket.removeTable(table);
      } catch (error) {
        if (!hasCode(error, "ENOENT")) throw error;
      }
    },
    forgetUdpFlows(ports, ownAddresses) {
      const own = new Set(ownAddresses.map(formatIpAddress));
      const isOwn = (address: IpAddress) => own.has(formatIpAddress(address)) || isLoopback(address);
      const wanted = new Set(ports);
      // A router knows hundreds of thousands: they are looked at one by one as they come.
      const pick = (payload: Buffer): TrackedFlow | undefined => {
        const flow = decodeFlow(payload);
        if (flow?.protocol !== udp || !wanted.has(flow.destinationPort)) return undefined;
        return isOwn(decodeIpAddress(flow.destination)) ? copyFlow(flow) : undefined;
      };
      for (const family of [4, 6] as const)
        for (const flow of socket.find(conntrackType.get, encodeFlowQuery(family, udp, wanted), pick))
          forget(flow);
    },
    port,
    close: () => socket.close(),
  };
}

const copyFlow = ({ destination, tuple, ...flow }: TrackedFlow): TrackedFlow => ({
  ...{ ...flow, destination: Buffer.from(destination), tuple: Buffer.from(tuple) },
});

/** Buffers arrive on the worker as plain byte arrays. */
function fromMessage({ key, value, end, ...element }: SetElement): SetElement {
  return {
    ...element,
    key: Buffer.from(key),
    ...(end && { end: Buffer.from(end) }),
    ...(value && { value: Buffer.from(value) }),
  };
}
