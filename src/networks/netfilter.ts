import { hasCode } from "../errors.ts";
import type { Subnet } from "../formats/ip-address.ts";
import {
  conntrackType,
  decodeFlow,
  encodeFlowDeletion,
  encodeFlowQuery,
  type TrackedFlow,
} from "../sys/conntrack-message.ts";
import { NetlinkSocket, netlinkProtocol } from "../sys/netlink.ts";
import type { MapElement } from "../sys/nftables-message.ts";

/** The kernel's packet filter. Runs on the network worker. */
interface Netfilter {
  /** In an `inet` table; a long list is sent in several transactions. */
  changeElements(table: string, elements: MapElement[]): void;
  /**
   * Makes the kernel forget UDP flows to these ports of this machine: they would go on to where their first packet went.
   */
  forgetUdpFlows(ports: number[], ownAddresses: Subnet[]): void;
  close(): void;
}

/** Elements in one transaction, well within a socket's buffers. */
const batchSize = 256;
const udp = 17;
const loopbackNetwork = 127;

export function createNetfilter(): Netfilter {
  const socket = new NetlinkSocket(netlinkProtocol.netfilter);

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
    forgetUdpFlows(ports, ownAddresses) {
      const own = new Set(ownAddresses.map(({ address }) => address));
      const isOwn = (address: number) => own.has(address) || address >>> 24 === loopbackNetwork;
      for (const payload of socket.dump(conntrackType.get, encodeFlowQuery())) {
        const flow = decodeFlow(payload);
        if (flow?.protocol !== udp || !ports.includes(flow.destinationPort) || !isOwn(flow.destination))
          continue;
        forget(flow);
      }
    },
    close: () => socket.close(),
  };
}

/** Buffers arrive on the worker as plain byte arrays. */
function fromMessage({ map, key, value }: MapElement): MapElement {
  return { map, key: Buffer.from(key), ...(value && { value: Buffer.from(value) }) };
}
