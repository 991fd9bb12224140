import { existsSync } from "node:fs";
import { messageOf } from "../errors.ts";
import { formatIpAddress } from "../formats/ip-address.ts";
import type { Logger } from "../logger.ts";
import type { OwnerRelays, Relay, RelayMethods } from "../supervisor-protocol/relays.ts";
import { mapWithPauses } from "../sys/pauses.ts";
import { listenAtPort } from "../sys/port-socket.ts";
import { startTicks } from "../sys/process.ts";
import { createQueue } from "../sys/queue.ts";
import type { Publication } from "./port-map.ts";

/** The process that relays ports, which outlives this one. */
export interface RelayProcess {
  /** False for a supervisor that is older than relays. */
  isAble(): boolean;
  tell<M extends keyof RelayMethods>(method: M, parameters: Parameters<RelayMethods[M]>[0]): Promise<void>;
}

/** Ports at IPv6 addresses of this machine, where NAT does not carry everything: to containers without IPv6, and from ::1. */
export interface PortRelays {
  isAble(): boolean;
  /** Makes those of an owner's ports that need it go by the relay. Clients can connect before it is there. Never throws. */
  put(ownerId: string, publications: readonly Publication[]): Promise<void>;
  /** Makes these all there are. Never throws. */
  sync(byOwner: Iterable<readonly [ownerId: string, readonly Publication[]]>): Promise<void>;
}

export const isRelayed = ({ protocol, hostAddress, hostPort }: Publication) =>
  hostAddress.family === 6 && hostPort > 0 && protocol !== "sctp";

/** @param socketOf the descriptor of the socket that a port is taken with */
export function createPortRelays(
  relay: RelayProcess,
  socketOf: (ownerId: string, publication: Publication) => number | undefined,
  logger: Logger,
): PortRelays {
  const hasIpv6 = existsSync("/proc/sys/net/ipv6");
  const self = { pid: process.pid, startTicks: startTicks(process.pid) ?? 0 };
  /** Owners that have any. */
  const owners = new Set<string>();
  /** What is described late must not overtake what has gone since. */
  const inTurn = createQueue();
  const isAble = () => hasIpv6 && relay.isAble();

  async function describe(id: string, publications: readonly Publication[]): Promise<OwnerRelays> {
    const relays = await mapWithPauses(publications.filter(isRelayed), (publication): Relay => {
      const { protocol, hostAddress, hostPort, containerAddress, containerPort } = publication;
      const fd = socketOf(id, publication);
      if (fd !== undefined && protocol === "tcp") listenAtPort(fd);
      return {
        protocol: protocol === "udp" ? "udp" : "tcp",
        address: formatIpAddress(hostAddress),
        port: hostPort,
        target: formatIpAddress(containerAddress),
        targetPort: containerPort,
        ...(fd !== undefined && { socket: { ...self, fd } }),
      };
    });
    if (relays.length > 0) owners.add(id);
    else owners.delete(id);
    return { id, relays };
  }

  const complain = (error: unknown) =>
    logger.warn({ reason: messageOf(error) }, "published ports are not relayed at IPv6 addresses");

  return {
    isAble,
    async put(ownerId, publications) {
      if (!isAble()) return;
      try {
        const [had, described] = await inTurn(
          async () => [owners.has(ownerId), await describe(ownerId, publications)] as const,
        );
        if (had || described.relays.length > 0) await relay.tell("putRelays", described);
      } catch (error) {
        complain(error);
      }
    },
    async sync(byOwner) {
      if (!isAble()) return;
      try {
        const described = await inTurn(() =>
          mapWithPauses(byOwner, ([id, publications]) => describe(id, publications)),
        );
        await relay.tell("syncRelays", { owners: described.filter(({ relays }) => relays.length > 0) });
      } catch (error) {
        complain(error);
      }
    },
  };
}
