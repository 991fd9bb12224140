import { hasCode } from "../errors.ts";
import { conntrackType, decodeFlow, encodeFlowDeletion, encodeFlowQuery } from "../sys/conntrack-message.ts";
import { NetlinkSocket, netlinkProtocol } from "../sys/netlink.ts";
import type { MapElement } from "../sys/nftables-message.ts";

/** The kernel's packet filter. Runs on the network worker. */
interface Netfilter {
  /** In an `inet` table; a long list is sent in several transactions. */
  changeElements(table: string, elements: MapElement[]): void;
  /**
   * Makes the kernel forget UDP flows to these ports of this machine: they would go on to where their first packet went.
   */
  forgetUdpFlows(ports: number[]): void;
  close(): void;
}

/** Elements in one transaction, well within a socket's buffers. */
const batchSize = 256;
const udp = 17;

export function createNetfilter(): Netfilter {
  const socket = new NetlinkSocket(netlinkProtocol.netfilter);
  return {
    changeElements(table, elements) {
      for (let start = 0; start < elements.length; start += batchSize)
        socket.changeElements(table, elements.slice(start, start + batchSize).map(fromMessage));
    },
    forgetUdpFlows(ports) {
      const flows = socket.dump(conntrackType.get, encodeFlowQuery()).map(decodeFlow);
      for (const flow of flows) {
        if (flow?.protocol !== udp || !ports.includes(flow.destinationPort)) continue;
        try {
          socket.request([{ type: conntrackType.delete, flags: 0, payload: encodeFlowDeletion(flow) }]);
        } catch (error) {
          // It has ended by itself meanwhile.
          if (!hasCode(error, "ENOENT")) throw error;
        }
      }
    },
    close: () => socket.close(),
  };
}

/** Buffers arrive on the worker as plain byte arrays. */
function fromMessage({ map, key, value }: MapElement): MapElement {
  return { map, key: Buffer.from(key), ...(value && { value: Buffer.from(value) }) };
}
