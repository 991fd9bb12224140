import { internal, messageOf } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { Firewall } from "./firewall.ts";
import type { Publication, WantedPort } from "./port-map.ts";
import type { PortReservations } from "./ports.ts";
import { type PublishTargets, placePorts, routePorts } from "./publish-targets.ts";

/** Ports that are taken on this machine and lead to a container, in both places: socket and map element. */
export interface PublishedPorts {
  /** @throws internal "Bind for … failed: port is already allocated"; nothing is published then. */
  publish(ownerId: string, wanted: readonly WantedPort[], targets: PublishTargets): Promise<Publication[]>;
  /** Publishes some more and takes others away: all of it, or nothing. @throws as `publish` */
  change(ownerId: string, change: PortsChange, targets: PublishTargets): Promise<Publication[]>;
  unpublish(ownerId: string): Promise<void>;
  has(ownerId: string): boolean;
  /** Has the same ports lead elsewhere. They stay taken meanwhile. */
  move(ownerId: string, targets: PublishTargets): Promise<Publication[]>;
  /**
   * Makes the published ports exactly these and those of the containers that are starting, in one step, whatever the table
   * held before.
   */
  adopt(publications: Map<string, Publication[]>, starting: Set<string>): Promise<void>;
  /** Lets go of the sockets; the rules stay. */
  stop(): void;
}

export interface PortsChange {
  added: readonly WantedPort[];
  isRemoved(publication: Publication): boolean;
}

interface PublishedPortsOptions {
  firewall: Firewall;
  reservations: PortReservations;
  logger: Logger;
}

export function createPublishedPorts(options: PublishedPortsOptions): PublishedPorts {
  const { firewall, reservations, logger } = options;
  const byOwner = new Map<string, Publication[]>();

  function forget(ownerId: string): void {
    reservations.release(byOwner.get(ownerId) ?? []);
    byOwner.delete(ownerId);
  }

  return {
    async publish(ownerId, wanted, targets) {
      const publications = [
        ...reservations.take(placePorts(wanted, targets)),
        ...routePorts(wanted, targets),
      ];
      if (publications.length === 0) return [];
      byOwner.set(ownerId, publications);
      try {
        await firewall.add(publications);
      } catch (error) {
        forget(ownerId);
        throw internal(messageOf(error), error);
      }
      return publications;
    },
    async change(ownerId, change, targets) {
      const before = byOwner.get(ownerId) ?? [];
      const after = await exchange(options, before, change, targets);
      byOwner.set(ownerId, after);
      return after;
    },
    async unpublish(ownerId) {
      const publications = byOwner.get(ownerId);
      if (!publications) return;
      byOwner.delete(ownerId);
      try {
        await firewall.remove(publications);
      } finally {
        reservations.release(publications);
      }
    },
    has: (ownerId) => byOwner.has(ownerId),
    async move(ownerId, targets) {
      const before = byOwner.get(ownerId) ?? [];
      const after = [
        ...before.flatMap((one) => {
          const containerAddress = targets.nat[one.hostAddress.family];
          return one.hostPort > 0 && containerAddress ? [{ ...one, containerAddress }] : [];
        }),
        ...routePorts(before, targets),
      ];
      byOwner.set(ownerId, after);
      await firewall.remove(before);
      await firewall.add(after);
      return after;
    },
    async adopt(publications, starting) {
      for (const ownerId of [...byOwner.keys()]) {
        if (!starting.has(ownerId)) forget(ownerId);
      }
      for (const [ownerId, list] of publications) {
        byOwner.set(ownerId, list);
        const lost = list.filter((publication) => !reservations.retake(publication));
        if (lost.length > 0) logger.warn({ ownerId, lost }, "published ports are in use by another process");
      }
      await firewall.replace([...byOwner.values()].flat());
    },
    stop() {
      for (const ownerId of [...byOwner.keys()]) forget(ownerId);
    },
  };
}

/** @returns what is published then */
async function exchange(
  { reservations, firewall }: PublishedPortsOptions,
  before: readonly Publication[],
  { added, isRemoved }: PortsChange,
  targets: PublishTargets,
): Promise<Publication[]> {
  const removed = before.filter(isRemoved);
  // First, since one port may take the place of another.
  reservations.release(removed);
  let taken: Publication[] = [];
  try {
    taken = [...reservations.take(placePorts(added, targets)), ...routePorts(added, targets)];
    await firewall.remove(removed);
    await firewall.add(taken);
  } catch (error) {
    reservations.release(taken);
    for (const one of removed) reservations.retake(one);
    await firewall.add(removed);
    throw error;
  }
  return [...before.filter((one) => !isRemoved(one)), ...taken];
}
