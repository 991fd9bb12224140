import { internal, messageOf } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { Firewall } from "./firewall.ts";
import type { Publication, WantedPort } from "./port-map.ts";
import type { PortReservations } from "./ports.ts";
import type { BridgeRecord } from "./records.ts";

/** Ports that are taken on this machine and lead to a container, in both places: socket and map element. */
export interface PublishedPorts {
  /** @throws internal "Bind for … failed: port is already allocated"; nothing is published then. */
  publish(containerId: string, wanted: WantedPort[], containerAddress: number): Promise<Publication[]>;
  unpublish(containerId: string): Promise<void>;
  /**
   * Makes the published ports exactly these and those of the containers that are starting, in one step, whatever the table
   * held before.
   */
  adopt(publications: Map<string, Publication[]>, starting: Set<string>): Promise<void>;
  all(): Publication[];
  /** Lets go of the sockets; the rules stay. */
  stop(): void;
}

interface PublishedPortsOptions {
  firewall: Firewall;
  reservations: PortReservations;
  bridges: () => BridgeRecord[];
  logger: Logger;
}

export function createPublishedPorts(options: PublishedPortsOptions): PublishedPorts {
  const { firewall, reservations, bridges, logger } = options;
  const byContainer = new Map<string, Publication[]>();

  /** Writes all of them anew when `change` fails, which repairs a table that somebody else has changed. */
  async function apply(change: Promise<void>): Promise<void> {
    try {
      await change;
    } catch (error) {
      logger.warn({ reason: messageOf(error) }, "published ports are written anew");
      await firewall.install(bridges());
      await firewall.replace([...byContainer.values()].flat());
    }
  }

  function forget(containerId: string): void {
    reservations.release(byContainer.get(containerId) ?? []);
    byContainer.delete(containerId);
  }

  return {
    async publish(containerId, wanted, containerAddress) {
      if (wanted.length === 0) return [];
      const publications = reservations.take(wanted, containerAddress);
      byContainer.set(containerId, publications);
      try {
        await apply(firewall.add(publications));
      } catch (error) {
        forget(containerId);
        throw internal(messageOf(error), error);
      }
      return publications;
    },
    async unpublish(containerId) {
      const publications = byContainer.get(containerId);
      if (!publications) return;
      byContainer.delete(containerId);
      try {
        await apply(firewall.remove(publications));
      } finally {
        reservations.release(publications);
      }
    },
    async adopt(publications, starting) {
      for (const containerId of [...byContainer.keys()]) {
        if (!starting.has(containerId)) forget(containerId);
      }
      for (const [containerId, list] of publications) {
        byContainer.set(containerId, list);
        const lost = list.filter((publication) => !reservations.retake(publication));
        if (lost.length > 0)
          logger.warn({ containerId, lost }, "published ports are in use by another process");
      }
      await firewall.replace([...byContainer.values()].flat());
    },
    all: () => [...byContainer.values()].flat(),
    stop() {
      for (const containerId of [...byContainer.keys()]) forget(containerId);
    },
  };
}
